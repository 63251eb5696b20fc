// Watch: a thread beside the one that works and the one that owns MPI. It tells the other ranks by
// UDP what this one does, and ends the whole job when a process falls silent, when nobody gets on,
// or when a signal was not obeyed in time: the other two threads may wait for ever by then.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/activity.hpp"
#include "ijepa/comm/communicator.hpp"

namespace ijepa {

/// What the reporting rank knows of one rank.
struct WatchedRank {
  int rank = 0;
  std::string host;
  RankState state;
  double silence = 0;  // seconds since its last word; negative: never heard
  bool late = false;
};

/// Why the job is ended: "silence", "standstill" or "signal".
struct HangReport {
  std::string reason;
  std::string text;  // one sentence, with ranks, hosts and phases
  int reporter = 0;
  std::vector<WatchedRank> ranks;
};

/// "step 12, loader for 31 s".
std::string describe(const RankState& state);

class Watch {
 public:
  /// Collective. `comm` must outlive it; its activity() is watched, by the limits set there.
  explicit Watch(Communicator& comm);
  /// Tells the others that this rank leaves in peace.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace ijepa
