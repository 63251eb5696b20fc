// AttentionPlans: what cuDNN compiles for a shape of attention, as text that it reads back in
// milliseconds. Made ahead of need by threads of its own, and kept in a folder for other ranks and
// resumed runs. Knows nothing of cuDNN.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "attention_library.hpp"

namespace ijepa::cuda {

struct AttentionPlanKey {
  bool backward = false;
  AttentionShape shape{};
  auto operator<=>(const AttentionPlanKey&) const = default;
};

class AttentionPlans {
 public:
  /// Makes a plan; several threads call it at once. An Error where there is none.
  using Make = std::function<std::string(const AttentionPlanKey&)>;

  /// Plans are good for `place`, the GPU and the library's version.
  AttentionPlans(const AttentionPlanning& planning, const std::string& place, Make make);
  /// Plans that are being made are finished, those that wait are not begun.
  ~AttentionPlans();

  /// Asks for a plan. The first wish is the first to be made; nobody waits.
  void prepare(const AttentionPlanKey& key);
  /// A plan, once a key: it is kept, or was prepared, or a thread is at it and will have it soon,
  /// or it is made now. An Error where it cannot be made.
  std::string take(const AttentionPlanKey& key);

 private:
  enum class State : std::uint8_t { waiting, making, made };

  void work();
  /// From the folder, or made and put there; false: it is not in the folder.
  std::pair<std::string, bool> find_or_make(const AttentionPlanKey& key);
  std::string file_of(const AttentionPlanKey& key) const;
  std::optional<std::string> read(const AttentionPlanKey& key) const;
  bool write(const AttentionPlanKey& key, const std::string& plan);

  std::size_t most_threads_;
  std::string folder_;  // of this place; empty: plans are in memory alone
  Make make_;
  Log log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false, warned_ = false;
  std::deque<AttentionPlanKey> wishes_;
  std::map<AttentionPlanKey, State> states_;
  std::map<AttentionPlanKey, std::string> in_memory_;  // made ahead, and not in the folder
  std::vector<std::thread> threads_;
};

}  // namespace ijepa::cuda
