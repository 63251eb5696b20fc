// A program on ranks that fails, or is stopped, in the way its first argument says.
#include <link.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <thread>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/comm/stop_signal.hpp"
#include "ijepa/comm/watch.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace {

std::atomic<bool> allocator_locked{false};

void wait_for_the_allocator() {
  while (allocator_locked) ::pause();
}

}  // namespace

// In the place of glibc's, which they call, so that its locks can be held for ever.
extern "C" {
// NOLINTBEGIN: these names are glibc's
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* former, std::size_t size);
void __libc_free(void* former);
// NOLINTEND
void* malloc(std::size_t size) {
  wait_for_the_allocator();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  wait_for_the_allocator();
  return __libc_calloc(count, size);
}
void* realloc(void* former, std::size_t size) {
  wait_for_the_allocator();
  return __libc_realloc(former, size);
}
void free(void* former) {
  wait_for_the_allocator();
  __libc_free(former);
}
}

namespace {

using namespace ijepa;
using namespace std::chrono_literals;

int hold_the_loader(dl_phdr_info*, std::size_t, void* held) {
  *static_cast<std::atomic<bool>*>(held) = true;
  for (;;) ::pause();
}

/// Nobody gets memory, throws, starts a thread or loads anything from now on.
void lock_everything() {
  static std::atomic<bool> held{false};
  std::thread([] { ::dl_iterate_phdr(hold_the_loader, &held); }).detach();
  while (!held) std::this_thread::sleep_for(1ms);
  allocator_locked = true;
}

/// The last rank throws while the others wait for it.
int throw_while_others_wait(Communicator& comm) {
  if (comm.rank() == comm.size() - 1) fail("The sky is falling.");
  comm.barrier();
  return 0;
}

/// The exception unwinds past a gradient buffer that is being summed.
int throw_in_backward(Communicator& comm) {
  std::vector<float> gradient(1 << 20, 1.0F);
  const auto reducer = make_host_reducer(comm);
  GradSync sync(*reducer, make_tensor(gradient.data(), DType::f32, {1 << 20}),
                {.bucket_bytes = 1 << 16, .first_bucket_bytes = 1 << 16});
  sync.ready_down_to(1 << 19);
  if (comm.rank() == comm.size() - 1) fail("The sky is falling.");
  sync.finish();
  comm.barrier();
  return 0;
}

int throw_a_number(Communicator& comm) {
  if (comm.rank() == 0) throw 7;
  comm.barrier();
  return 0;
}

int die(Communicator& comm) {
  if (comm.rank() == comm.size() - 1) std::raise(SIGKILL);
  comm.barrier();
  return 0;
}

int disagree(Communicator& comm) {
  require_equal_on_all_ranks(comm, "the seed", std::to_string(comm.rank() / 2));
  return 0;
}

int code_three(Communicator& comm) {
  comm.barrier();
  return 3;
}

/// Steps until a signal comes, then takes three seconds to save.
int stop_and_save(Communicator& comm) {
  const StopSignal stop;
  comm.barrier();  // every rank listens now
  if (comm.rank() == 0) std::puts("ready");
  std::fflush(stdout);
  int signal = 0;
  while ((signal = stop.agreed(comm)) == 0) std::this_thread::sleep_for(5ms);
  const auto end = std::chrono::steady_clock::now() + 3s;
  while (std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
  if (comm.rank() == 0) std::printf("saved after signal %d\n", signal);
  return 0;
}

/// Rank 0 tells the process of every rank: "processes: 17 18 19".
void tell_processes(Communicator& comm) {
  std::string line = "processes:";
  for (const pid_t pid : comm.gather_all_values(::getpid())) line += fmt::format(" {}", pid);
  if (comm.rank() == 0) std::puts((line + " .").c_str());
  std::fflush(stdout);
}

void limit(Communicator& comm, WatchLimits limits) {
  limits.on_hang = [](const HangReport& report) {
    std::printf("report: %s by rank %d of %zu\n", report.reason.c_str(), report.reporter,
                report.ranks.size());
    std::fflush(stdout);
  };
  comm.activity().set_limits(limits);
}

/// One short step after the other, until `seconds` have gone by.
void step_for(Communicator& comm, double seconds, const std::function<void(int)>& load) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (int step = 0;; ++step) {
    comm.activity().enter(Phase::loading, step);
    load(step);
    comm.activity().enter(Phase::agreeing, step);
    const double over = std::chrono::steady_clock::now() > end ? 1 : 0;
    if (comm.all_reduce(over, Reduction::max) != 0) return;
  }
}

void work_a_little(int) {
  std::this_thread::sleep_for(5ms);
}

/// Processes are told when every rank has been heard, by heartbeats 0.3 s apart: a rank that is
/// stopped before its first one is missed by standstills alone, which are not watched here.
int step_watched(Communicator& comm) {
  limit(comm, {.silence = 3, .standstill = 0, .stop_grace = 0, .notice = 1, .on_hang = {}});
  step_for(comm, 1.5, work_a_little);
  tell_processes(comm);
  step_for(comm, 100, work_a_little);
  return 0;
}

/// Rank 1 needs long until it is ready for the first agreement.
int start_late(Communicator& comm) {
  limit(comm, {.silence = 60, .standstill = 0, .stop_grace = 0, .notice = 1, .on_hang = {}});
  if (comm.rank() == 1) std::this_thread::sleep_for(3s);
  require_equal_on_all_ranks(comm, "nothing", "");
  return 0;
}

/// Rank 1 reads from a disk that does not answer.
int wait_for_ever(Communicator& comm) {
  limit(comm, {.silence = 60, .standstill = 2, .stop_grace = 0, .notice = 1, .on_hang = {}});
  step_for(comm, 100, [&](int step) {
    if (comm.rank() == 1 && step == 20) std::this_thread::sleep_for(1h);
    work_a_little(step);
  });
  return 0;
}

/// Rank 1 takes longer than the limit for a step, but image after image comes.
int load_slowly(Communicator& comm) {
  limit(comm, {.silence = 60, .standstill = 2, .stop_grace = 0, .notice = 1, .on_hang = {}});
  std::atomic<std::uint64_t> images{0};
  const Activity::Progress progress(comm.activity(), [&] { return images.load(); });
  step_for(comm, 4, [&](int step) {
    for (int i = 0; comm.rank() == 1 && step == 20 && i < 40; ++i, ++images)
      std::this_thread::sleep_for(100ms);
    work_a_little(step);
  });
  return 0;
}

/// The ranks get a signal, and rank 1 never comes to the place where it is obeyed.
int obey_never(Communicator& comm) {
  const StopSignal stop;
  limit(comm, {.silence = 60, .standstill = 0, .stop_grace = 2, .notice = 60, .on_hang = {}});
  comm.barrier();
  if (comm.rank() == 0) std::puts("ready");
  std::fflush(stdout);
  if (comm.rank() == 1) std::this_thread::sleep_for(1h);
  comm.barrier();
  return 0;
}

/// The watch notices a standstill, and cannot even say it.
int lock_the_report(Communicator& comm) {
  const auto lock = [](const HangReport&) {
    lock_everything();
    for (;;) ::pause();
  };
  comm.activity().set_limits(
      {.silence = 60, .standstill = 1, .stop_grace = 0, .notice = 60, .on_hang = lock});
  for (;;) ::pause();
}

/// The watch itself waits for ever.
int lock_the_watch(Communicator& comm) {
  comm.activity().set_limits(
      {.silence = 2, .standstill = 0, .stop_grace = 0, .notice = 60, .on_hang = {}});
  const Activity::Progress progress(comm.activity(), [] {
    wait_for_the_allocator();
    return 0;
  });
  std::this_thread::sleep_for(500ms);  // the watch has taken these limits
  lock_everything();
  for (;;) ::pause();
}

/// A long save that a second SIGTERM meets, within the time that a stop may take.
int save_slowly(Communicator& comm) {
  const StopSignal stop;
  limit(comm, {.silence = 60, .standstill = 0, .stop_grace = 60, .notice = 60, .on_hang = {}});
  tell_processes(comm);
  while (stop.agreed(comm) == 0) std::this_thread::sleep_for(5ms);
  const auto end = std::chrono::steady_clock::now() + 2s;
  while (std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
  comm.barrier();
  return exit_code::saved;
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<int(Communicator&)>> ways{
      {"fine", [](Communicator& comm) { return comm.barrier(), 0; }},
      {"throw", throw_while_others_wait},
      {"backward", throw_in_backward},
      {"number", throw_a_number},
      {"die", die},
      {"disagree", disagree},
      {"three", code_three},
      {"stop", stop_and_save},
      {"steps", step_watched},
      {"start late", start_late},
      {"wait", wait_for_ever},
      {"slow", load_slowly},
      {"obey never", obey_never},
      {"save slowly", save_slowly},
      {"lock the report", lock_the_report},
      {"lock the watch", lock_the_watch}};
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  const bool late = std::getenv("LATE_RANK") != nullptr && rank != nullptr;
  if (late && std::string(rank) == std::getenv("LATE_RANK")) std::this_thread::sleep_for(3s);
  return run_on_ranks(argc, argv, ways.at(argc > 1 ? argv[1] : ""),
                      {.start_notice_seconds = late ? 1.0 : 30.0, .start_limit_seconds = 900});
}
