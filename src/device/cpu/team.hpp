// Team: the threads that one thread of the program shares its work with. They stay for the next
// piece of work.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

namespace ijepa::cpu {

/// A number that one thread waits for another to change. It looks on for a short while, since the
/// next operation mostly follows at once, and then sleeps; where looking was in vain it sleeps at
/// once the next time, and the next 3, 7, ... times if it is in vain again. So a core that others
/// want, or time that counts against a quota, is not spent on waiting (benchmarks/waiting measures
/// both). OpenMP's threads look on for milliseconds; std::atomic's wait() first yields, which under
/// load costs the rest of a time slice.
class Gate {
 public:
  int value() const { return value_.load(std::memory_order_acquire); }
  /// Before anybody waits.
  void set(int value) { value_.store(value, std::memory_order_relaxed); }
  /// Adds, and returns the sum; wake() afterwards where that ends the waiting.
  int add(int change) { return value_.fetch_add(change) + change; }
  void wake();
  /// Returns when the number is no longer `old`, or somebody called wake().
  void await_change(int old);

 private:
  bool changes_soon(int old) const;

  std::atomic<int> value_{0};
  std::atomic<bool> asleep_{false};
  int in_vain_ = 0, sleeps_ = 0;  // of the thread that waits
};

class Team {
 public:
  Team();
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  /// That of the calling thread, made when it is first asked for.
  static Team& own();

  /// work(piece) for pieces [0, n), each on a thread of its own, the first on the caller's. The
  /// first exception comes out once all have ended.
  template <class Work>
  void run(std::int64_t n, const Work& work) {
    start(
        n, [](const void* w, std::int64_t piece) { (*static_cast<const Work*>(w))(piece); }, &work);
  }

 private:
  using Call = void (*)(const void* work, std::int64_t piece);
  class Member;

  void start(std::int64_t n, Call call, const void* work);
  void guarded(Call call, const void* work, std::int64_t piece) noexcept;

  Gate unfinished_;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace ijepa::cpu
