// bench_peer_step: training steps of a recipe on random images, in turns with a peer. First a line
// of JSON says what a step is; then for each line of standard input, a number of seconds, it trains
// for about as long and prints the images, the wall seconds and the processor's seconds of that
// turn, and the most memory so far in MiB. For "peak" and a number of seconds it multiplies large
// matrices and prints floating-point operations instead of images: the peak, in turns as well.
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
#include "ijepa/train/step/engine.hpp"
#include "ijepa/train/step/memory_plan.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// Calls f, which returns how much it did, for `seconds` or a little longer:
/// "done,wall,processor,MiB".
template <class F>
std::string turn(double seconds, F&& f) {
  const auto start = now();
  double done = 0;
  auto end = start;
  do {
    done += f();
    end = now();
  } while (end.wall - start.wall < seconds);
  return fmt::format("{:.0f},{:.6f},{:.6f},{:.1f}", done, end.wall - start.wall,
                     end.processor - start.processor, peak_mib());
}

/// A product of matrices so large that its time is that of arithmetic.
class LargeProduct {
 public:
  LargeProduct(Device& device, DType type)
      : device_(device), type_(type), memory_(device, 3 * bytes()) {
    for (const int i : {0, 1}) fill_random(device.ops(), matrix(i));
  }

  /// Its floating-point operations.
  double multiply() {
    device_.ops().linear_forward(matrix(0), matrix(1), {}, matrix(2));
    return 2.0 * side * side * side;
  }

 private:
  static constexpr std::int64_t side = 768;

  std::size_t bytes() const { return side * side * size_of(type_); }
  Tensor matrix(int i) const {
    auto* data = static_cast<std::byte*>(memory_.data()) + static_cast<std::size_t>(i) * bytes();
    return make_tensor(data, type_, {side, side});
  }

  Device& device_;
  DType type_;
  Buffer memory_;
};

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

  /// Its images.
  double step() {
    const StepMasks masks =
        draw_step_masks(recipe_, plan_, place_of(done_, 1000, recipe_.optim.global_batch), 0);
    for (std::int64_t micro = 0; micro < plan_.micro_batches; ++micro) {
      const TokenPlan tokens = plan_of(masks, micro);
      engine_.accumulate({pixels_, tokens}, masks.loss_scale, part_of(micro, plan_.micro_batches));
    }
    engine_.finish(masks.context_tokens);
    engine_.update(adamw_step({}, done_, 1e-4, 0.04, 0.996));
    ++done_;
    return static_cast<double>(recipe_.optim.global_batch);
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
  fmt::print("{}\n", description.dump());
  std::fflush(stdout);
  LargeProduct product(*device, recipe.compute.precision);
  constexpr std::string_view peak = "peak ";
  for (std::string line; std::getline(std::cin, line);) {
    fmt::print("{}\n",
               line.starts_with(peak)
                   ? turn(std::stod(line.substr(peak.size())), [&] { return product.multiply(); })
                   : turn(std::stod(line), [&] { return steps.step(); }));
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
