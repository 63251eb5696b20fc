// A profiler, for LD_PRELOAD: SIGPROF has a handler that uses some stack, and tells every
// thousandth time how often it ran. Where such a handler interrupts machine code that keeps its own
// things below the stack, the program computes something else, or crashes.
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>

namespace {

std::atomic<long> handled{0};

void look(int) {
  std::array<volatile char, 4096> samples{};
  for (auto& sample : samples) sample = 0x5a;
  const long times = ++handled;
  if (times % 1000 != 0) return;
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "profiler: %ld signals\n", times);
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, text.data(), static_cast<std::size_t>(length));
}

struct Profiler {
  Profiler() {
    struct sigaction action {};
    action.sa_handler = look;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGPROF, &action, nullptr);
  }
} profiler;

}  // namespace
