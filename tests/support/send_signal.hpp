// A signal to this process, as everybody sends signals: the thread that raise() would choose is not
// the one that receives them.
#pragma once
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "ijepa/comm/stop_signal.hpp"

namespace ijepa::test {

/// Returns when it has been received, or after ten seconds.
inline void send_signal(const StopSignal& stop, int signal) {
  ::kill(::getpid(), signal);
  for (int i = 0; i < 10'000 && stop.received() == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace ijepa::test
