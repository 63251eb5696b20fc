// A program on ranks that fails, or is stopped, in the way its first argument says.
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <thread>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/comm/stop_signal.hpp"
#include "ijepa/train/grad_sync.hpp"

namespace {

using namespace ijepa;
using namespace std::chrono_literals;

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
  if (comm.rank() == 0) std::puts("ready");
  std::fflush(stdout);
  int signal = 0;
  while ((signal = stop.agreed(comm)) == 0) std::this_thread::sleep_for(5ms);
  const auto end = std::chrono::steady_clock::now() + 3s;
  while (std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(10ms);
  if (comm.rank() == 0) std::printf("saved after signal %d\n", signal);
  return 0;
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
      {"stop", stop_and_save}};
  return run_on_ranks(argc, argv, ways.at(argc > 1 ? argv[1] : ""));
}
