#include "ijepa/comm/stop_signal.hpp"

#include <unistd.h>

#include <atomic>

#include "ijepa/comm/exit_codes.hpp"

namespace ijepa {
namespace {

// A signal handler gets no pointer of ours, so its flag cannot live in the object.
std::atomic<int> first_signal{0};
std::atomic<int> interrupts{0};
std::atomic<bool> installed{false};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void note_signal(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
  if (signal == SIGINT && interrupts.fetch_add(1) > 0) ::_exit(exit_code::interrupted);
}

}  // namespace

StopSignal::StopSignal() {
  check(!installed.exchange(true), "A process can have only one StopSignal at a time.");
  first_signal = 0;
  interrupts = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;  // a checkpoint's write() must not fail half way with EINTR
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < signals_.size(); ++i) ::sigaction(signals_[i], &action, &former_[i]);
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < signals_.size(); ++i) ::sigaction(signals_[i], &former_[i], nullptr);
  installed = false;
}

int StopSignal::received() const {
  return first_signal.load();
}

int StopSignal::pending() {
  return installed.load() ? first_signal.load() : 0;
}

int StopSignal::agreed(Communicator& comm) const {
  return static_cast<int>(comm.all_reduce(static_cast<double>(received()), Reduction::max));
}

}  // namespace ijepa
