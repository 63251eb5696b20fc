// bench_checkpoint: what a save costs a training run of a published size: the time it is blocked,
// the processor time taken beside it, and the rate beside that of the disk measured in the same
// run; and how long a restart takes to verify and load.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"

namespace ijepa {
namespace {

const std::vector<Role> all_roles{Role::weight, Role::target, Role::adam_m, Role::adam_v};
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Processor time of this process, all threads.
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Bytes a second of one thread writing a file of this size and syncing it: the disk's own rate.
double disk_rate(const std::string& folder, std::size_t bytes) {
  const std::string path = folder + "/disk_rate";
  const std::vector<std::byte> block(std::size_t{4} << 20, std::byte{1});
  const auto start = Clock::now();
  {
    File file(path, File::Mode::create);
    for (std::size_t at = 0; at < bytes; at += block.size())
      file.write(static_cast<std::int64_t>(at), block.data(), std::min(block.size(), bytes - at));
    file.sync();
  }
  const double rate = static_cast<double>(bytes) / seconds_since(start);
  std::filesystem::remove(path);
  return rate;
}

IJepa model_named(const std::string& name) {
  EncoderConfig encoder{.name = name, .patch = 16};
  check(apply_preset(encoder, name), "There is no model {}.", name);
  encoder.image_height = encoder.image_width = 224;
  PredictorConfig predictor;
  predictor.width = 384;
  predictor.depth = name == "vit_small" ? 6 : 12;
  predictor.mlp_hidden = 4 * predictor.width;
  return {encoder, predictor};
}

void bench(const std::string& name, const std::string& folder, int saves) {
  const auto device = make_device({.name = "cpu"});
  const auto comm = local_communicator();
  const IJepa model = model_named(name);
  ParamStore store(*device, model.layout(), Precision::float32(), StoreUse::training);
  store.initialise(1);
  CheckpointWriter writer(folder, {.keep_last = 1}, device_tensors(store, all_roles), *comm,
                          copy_from(*device, usable_cores()));
  fmt::print("{:<11}{:>9}{:>12}{:>10}{:>10}{:>12}{:>10}{:>14}\n", "model", "MiB", "blocked ms",
             "save s", "save MB/s", "disk MB/s", "cpu s", "of a minute");
  for (int s = 1; s <= saves; ++s) {
    const double before = cpu_seconds();
    writer.begin({s, {}}, {});
    while (writer.in_flight()) {
      while (writer.busy()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (const auto o = writer.advance(false)) {
        check(o->saved(), "{}", o->problem);
        const double cpu = cpu_seconds() - before, mib = static_cast<double>(o->bytes) / 1048576;
        // Beside training on all cores every second of processor time is taken from it.
        const double share = std::max(o->blocked_seconds, cpu / usable_cores()) / 60;
        fmt::print("{:<11}{:>9.0f}{:>12.1f}{:>10.2f}{:>10.0f}{:>12.0f}{:>10.2f}{:>12.2f} %\n", name,
                   mib, 1e3 * o->blocked_seconds, o->seconds,
                   static_cast<double>(o->bytes) * 1e-6 / o->seconds,
                   1e-6 * disk_rate(folder, o->bytes), cpu, 100 * share);
        std::fflush(stdout);
      }
    }
  }
  const auto start = Clock::now();
  const auto found = CheckpointStore(folder, {}).newest_valid(*comm, Log());
  const double verified = seconds_since(start);
  RunState state(*device, store, all_roles);
  load_checkpoint(*comm, found.value(), state.tensors());
  fmt::print("restart: verified in {:.2f} s, loaded in {:.2f} s\n", verified,
             seconds_since(start) - verified);
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  CLI::App app{"What a save costs: time blocked, processor time, rate beside the disk's."};
  std::string model = "vit_small", folder = "checkpoint_bench";
  int saves = 3;
  app.add_option("--model", model, "vit_tiny ... vit_giant, at patch 16 and 224 pixels");
  app.add_option("--folder", folder, "is made, on the disk to be measured, and removed again");
  app.add_option("--saves", saves, "saves")->check(CLI::Range(1, 100));
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::check(std::filesystem::create_directory(folder), "{} exists already.", folder);
    ijepa::bench(model, folder, saves);
    std::filesystem::remove_all(folder);
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_checkpoint: {}\n", e.what());
    return 1;
  }
}
