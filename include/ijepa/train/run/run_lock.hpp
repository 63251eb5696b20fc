// RunLock: one job at a time in a run folder. The lock is a file made with O_EXCL that tells who
// holds it and is rewritten every few seconds (its heartbeat); parallel file systems often lack
// real locks. The heartbeat has a thread of its own, since the main one may sit in a long
// collective.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/log.hpp"

namespace ijepa {

struct RunLockOptions {
  std::chrono::milliseconds heartbeat{10'000};
  /// A holder that may still live is taken for dead after this much silence.
  std::chrono::milliseconds stale_after{120'000};
};

class RunLock {
 public:
  /// Takes RUN/run.lock for this job (rank 0 only). An Error names a living holder. Taken over with
  /// a warning are the lock of an earlier start of the same batch job, of a process that is gone
  /// from this machine, and one whose heartbeat is old by the clock and stays so for two beats more
  /// (clocks of two machines may differ).
  RunLock(const std::string& run_dir, const Cluster& cluster, const Log& log,
          const RunLockOptions& options = {});
  /// Releases the lock, unless another job has taken it over.
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// An Error when the lock is no longer this job's (silent for too long, or the file was removed):
  /// going on would mix two runs. For every step; costs one atomic load.
  void check_held() const;

 private:
  class Holder;
  std::unique_ptr<Holder> holder_;
};

/// Who has the run folder, for one that only looks: "process 123 on n1"; nothing where there is no
/// lock, or its holder is gone or has been silent for longer than `options.stale_after`.
std::optional<std::string> living_holder(const std::string& run_dir,
                                         const RunLockOptions& options = {});

}  // namespace ijepa
