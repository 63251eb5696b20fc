#include "ijepa/comm/stop_signal.hpp"

#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>

#include "guard.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/core/terminal.hpp"

namespace ijepa {
namespace {

// The guard gets no pointer of ours: it may hear a signal while the object ends.
std::atomic<int> first_signal{0};
std::atomic<int> interrupts{0};
std::atomic<bool> installed{false};

/// For the same reason no StopSignal takes its words away.
std::atomic<const StopWords*> said{nullptr};

void note_signal(int signal) {
  if (signal == SIGINT && interrupts.fetch_add(1) > 0) ::_exit(exit_code::interrupted);
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, signal)) return;
  const StopWords& words = *said;
  const bool hurried = signal == SIGCONT && std::isfinite(words.late_after);
  const std::string& word = hurried ? words.hurried : words.heard;
  if (!word.empty()) guard::say(word);
  if (hurried) guard::say_after(words.late_after, words.late);
}

/// A progress line that is painted over and over would swallow the word.
std::string as_line(const std::string& text) {
  if (text.empty()) return text;
  return (Terminal().found() ? std::string(erase_line) : "") + text + "\n";
}

}  // namespace

StopWords stop_words(const Cluster& cluster) {
  constexpr double last_moment = 0.3;
  StopWords words;
  words.heard =
      "A signal came: the run saves after this step and ends with code 85. Another Ctrl-C ends it "
      "at once, unsaved.";
  words.hurried = fmt::format(
      "mpirun was told to end and kills its ranks in {:.1f} s: the run saves after this step, if "
      "that is time enough.",
      cluster.kill_seconds);
  words.late =
      "Not saved in time: mpirun kills its ranks now. The same command goes on from the newest "
      "checkpoint; `kill -USR1` with mpirun's number, or a start by jobs/local.sh, gives time to "
      "save.";
  words.late_after = cluster.kill_seconds - last_moment;
  return words;
}

StopSignal::StopSignal(const StopWords& words) {
  check(!installed.exchange(true), "A process can have only one StopSignal at a time.");
  first_signal = 0;
  interrupts = 0;
  said = new StopWords{as_line(words.heard), as_line(words.hurried), as_line(words.late),
                       words.late_after};
  guard::listen(note_signal);
  guard::start();
}

StopSignal::~StopSignal() {
  guard::listen(nullptr);
  guard::say_after(0, {});
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
