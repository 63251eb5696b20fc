// StopSignal: SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 only set a flag, and so does the SIGCONT with
// which Open MPI's mpirun begins to end its ranks. The trainer asks for it between steps, where no
// collective is in flight and a checkpoint can be saved; the ranks then agree, since the signal
// reaches them at different steps or only one of them.
#pragma once
#include <limits>
#include <string>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/communicator.hpp"

namespace ijepa {

/// What the first signal makes this process say on standard error, at once; empty: nothing.
struct StopWords {
  std::string heard;    // that it was heard, and what follows
  std::string hurried;  // the same where it was SIGCONT, and the launcher will not wait for long
  std::string late;     // when it is about to kill the ranks, and they have not ended
  double late_after = std::numeric_limits<double>::infinity();  // seconds
};
/// For a run that saves after the step it is at; of rank 0.
StopWords stop_words(const Cluster& cluster);

class StopSignal {
 public:
  /// One at a time in a process. Signals are received by a thread of their own, never by one that
  /// computes: threads must be made after this, or in a program that calls run_on_ranks(). Ctrl-C
  /// pressed a second time ends the process at once with exit_code::interrupted. Other signals may
  /// come any number of times: Slurm repeats SIGTERM when the grace time ends, while the checkpoint
  /// is being written. The watch (watch.hpp) ends what does not stop in time.
  explicit StopSignal(const StopWords& words = {});
  /// From here on signals do what they do to any process.
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The first signal this process received; 0: none.
  int received() const;
  /// A signal that some rank received, the same on every rank; 0: none. Collective.
  int agreed(Communicator& comm) const;
  /// received() of the StopSignal that lives now, from any thread; 0 where there is none.
  static int pending();
};

}  // namespace ijepa
