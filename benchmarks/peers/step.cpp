// bench_peer_step: training steps of a recipe on random images, in turns with a peer. First a line
// of JSON says what a step is; then for each line of standard input, a number of seconds, it trains
// for about as long and prints the images, the wall seconds and the processor's seconds of that
// turn, and the most memory so far in MiB.
#include <fmt/core.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../spent.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/device/peak.hpp"
#include "ijepa/train/fit/precision_choice.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "ijepa/train/step/engine.hpp"
#include "ijepa/train/step/memory_plan.hpp"
#include "ijepa/train/step/optimizer.hpp"

namespace ijepa {
namespace {

double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// A run of a recipe on one rank, without files: each step has masks of its own and the same
/// pixels.
class Steps {
 public:
  Steps(const PretrainRecipe& recipe, Device& device)
      : recipe_(recipe),
        plan_(plan_run(recipe, 1000 * recipe.optim.global_batch, 1)),
        comm_(local_communicator()),
        engine_(recipe, plan_.micro_batch, device, *comm_),
        pixels_(image_tensor(nullptr, recipe.model.encoder, plan_.micro_batch).bytes()) {
    engine_.store().initialise(1);
    Rng rng(1, Purpose::test);
    for (auto& p : pixels_) p = static_cast<std::uint8_t>(rng.bits());
  }

  void step() {
    const StepMasks masks =
        draw_step_masks(recipe_, plan_, place_of(done_, 1000, recipe_.optim.global_batch), 0);
    for (std::int64_t micro = 0; micro < plan_.micro_batches; ++micro) {
      const TokenPlan tokens = plan_of(masks, micro);
      engine_.accumulate({pixels_, tokens}, masks.loss_scale, part_of(micro, plan_.micro_batches));
    }
    engine_.finish(masks.context_tokens);
    engine_.update(adamw_step({}, done_, 1e-4, 0.04, 0.996));
    ++done_;
  }

  /// Trains for `seconds` or a little longer: "images,wall,processor,MiB".
  std::string turn(double seconds) {
    const auto start = now();
    std::int64_t images = 0;
    auto end = start;
    do {
      step();
      images += recipe_.optim.global_batch;
      end = now();
    } while (end.wall - start.wall < seconds);
    return fmt::format("{},{:.6f},{:.6f},{:.1f}", images, end.wall - start.wall,
                       end.processor - start.processor, peak_mib());
  }

  /// Sizes, mean lengths of masks and floating-point operations of a step, over some of them.
  nlohmann::json describe() {
    double context = 0, target = 0, flops = 0;
    constexpr int sample = 20;
    for (int s = 0; s < sample; ++s) {
      const StepMasks masks =
          draw_step_masks(recipe_, plan_, place_of(s, 1000, recipe_.optim.global_batch), 0);
      context += masks.context_tokens / sample;
      target += masks.target_tokens / sample;
      for (std::int64_t micro = 0; micro < plan_.micro_batches; ++micro)
        flops += dry_step(engine_.model(), precision_of(recipe_.compute), plan_of(masks, micro),
                          Recompute::none)
                     .flops /
                 sample;
    }
    const auto& e = recipe_.model.encoder;
    const auto& p = recipe_.model.predictor;
    return {{"batch", recipe_.optim.global_batch},
            {"image", e.image_height},
            {"patch", e.patch},
            {"encoder", {e.width, e.depth, e.heads}},
            {"predictor", {p.width, p.depth, e.heads}},
            {"context", context},
            {"target", target},
            {"targets", recipe_.mask.num_targets},
            {"flops", flops},
            {"type", name_of(recipe_.compute.precision)}};
  }

 private:
  TokenPlan plan_of(const StepMasks& masks, std::int64_t micro) const {
    return masks.token_plan(micro, plan_.micro_batch, recipe_.model.encoder.tokens());
  }

  PretrainRecipe recipe_;
  RunPlan plan_;
  std::unique_ptr<Communicator> comm_;
  Engine engine_;
  std::vector<std::uint8_t> pixels_;
  std::int64_t done_ = 0;
};

void take_turns(const std::string& file, const std::vector<std::string>& settings, int threads) {
  auto recipe = load_recipe(file, settings).recipe;
  choose_precision(recipe, *local_communicator(), Log(1));  // in silence: output is the peer's
  DeviceOptions options{.name = "cpu", .threads = threads};
  options.cpu_kernels = recipe.compute.cpu_kernels;
  const auto device = make_device(options);
  Steps steps(recipe, *device);
  auto description = steps.describe();
  description["device"] = device->describe();
  description["peak_gflops"] = measure_gflops(*device, recipe.compute.precision);
  fmt::print("{}\n", description.dump());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{}\n", steps.turn(std::stod(line)));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  CLI::App app{
      "Training steps of a recipe on random images, for the seconds of each line of standard "
      "input."};
  std::string file;
  std::vector<std::string> settings;
  int threads = 1;
  app.add_option("recipe", file, "TOML file")->required();
  app.add_option("--set", settings, "SECTION.KEY=VALUE");
  app.add_option("--threads", threads, "compute threads")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::take_turns(file, settings, threads);
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_peer_step: {}\n", e.what());
    return 1;
  }
  return 0;
}
