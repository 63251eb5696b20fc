// StopSignal: SIGINT, SIGTERM, SIGUSR1 and SIGUSR2 only set a flag. The trainer asks for it between
// steps, where no collective is in flight and a checkpoint can be saved; the ranks then agree,
// since the signal reaches them at different steps or only one of them.
#pragma once
#include <array>
#include <csignal>

#include "ijepa/comm/communicator.hpp"

namespace ijepa {

class StopSignal {
 public:
  /// Installs the handlers. One at a time in a process; the former handlers return with its end.
  /// Ctrl-C pressed a second time ends the process at once with exit_code::interrupted. Other
  /// signals may come any number of times: Slurm repeats SIGTERM when the grace time ends, while
  /// the checkpoint is being written. The watch (watch.hpp) ends what does not stop in time.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The first signal this process received; 0: none.
  int received() const;
  /// A signal that some rank received, the same on every rank; 0: none. Collective.
  int agreed(Communicator& comm) const;
  /// received() of the StopSignal that lives now, from any thread; 0 where there is none.
  static int pending();

 private:
  static constexpr std::array<int, 4> signals_{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
  std::array<struct sigaction, signals_.size()> former_{};
};

}  // namespace ijepa
