// OrderedWorker: one thread that runs jobs in the order they were submitted. It owns a library that
// tolerates one thread at a time (MPI_THREAD_SERIALIZED), so no lock and no message tag is needed.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace ijepa {

class OrderedWorker {
 public:
  using Ticket = std::uint64_t;

  OrderedWorker();
  /// Runs what was submitted, then ends.
  ~OrderedWorker();
  OrderedWorker(const OrderedWorker&) = delete;
  OrderedWorker& operator=(const OrderedWorker&) = delete;

  Ticket submit(std::function<void()> job);
  /// Returns when that job and all before it have run. Rethrows the first exception of any job;
  /// after one, later jobs are dropped, because the ranks no longer agree on what comes next.
  void wait(Ticket ticket);

 private:
  void loop();
  void run_one(const std::function<void()>& job) noexcept;

  std::mutex mutex_;
  std::condition_variable submitted_, finished_;
  std::deque<std::function<void()>> jobs_;
  std::exception_ptr failure_;
  Ticket last_submitted_ = 0, last_finished_ = 0;
  bool stop_ = false;
  std::thread thread_;  // last: everything above exists when it starts
};

}  // namespace ijepa
