// bench_step: whole training steps (forward, backward, AdamW + EMA) of published shapes on random
// images, as a share of the matrix-product peak measured in the same run, and the memory they took
// beside what the dry run predicted.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/device/peak.hpp"
#include "ijepa/train/engine.hpp"
#include "ijepa/train/memory_plan.hpp"
#include "ijepa/train/optimizer.hpp"
#include "ijepa/train/run_data.hpp"
#include "ijepa/train/run_start.hpp"

namespace ijepa {
namespace {

struct Case {
  const char* name;
  const char* preset;
  std::int64_t image, patch, batch, min_keep;
  std::int64_t predictor_width, predictor_depth;
};

constexpr Case cases[] = {{"ViT-Tiny/4-32", "vit_tiny", 32, 4, 128, 4, 192, 6},
                          {"ViT-S/16-224", "vit_small", 224, 16, 16, 10, 384, 6},
                          {"ViT-B/16-224", "vit_base", 224, 16, 16, 10, 384, 6}};

PretrainRecipe recipe_of(const Case& c, DType precision, int threads) {
  PretrainRecipe r;
  r.model.encoder.name = c.preset;
  r.model.encoder.patch = c.patch;
  r.model.encoder.image_height = r.model.encoder.image_width = c.image;
  r.model.predictor.width = c.predictor_width;
  r.model.predictor.depth = c.predictor_depth;
  r.mask.min_keep = c.min_keep;
  r.mask.truncate_group = c.batch;
  r.optim.global_batch = r.optim.micro_batch = c.batch;
  r.compute.precision = precision;
  r.compute.threads = threads;
  r.data.shards = "random images";  // nothing is read
  r.run.dir = "none";
  resolve(r);
  return r;
}

struct Rate {
  double seconds = 0, flops = 0;  // a step
};

Rate time_steps(Engine& engine, const PretrainRecipe& recipe, const RunPlan& plan, int steps) {
  const EncoderConfig& e = recipe.model.encoder;
  std::vector<std::uint8_t> pixels(
      static_cast<std::size_t>(plan.micro_batch * e.image_height * e.image_width * 3));
  Rng rng(1, Purpose::test);
  for (auto& p : pixels) p = static_cast<std::uint8_t>(rng.bits());
  // The warm-up takes the memory of the worst masks, as the plan promises to have it.
  const TokenPlan worst = worst_token_plan(engine.model(), recipe, plan.micro_batch);
  engine.accumulate({pixels, worst}, 1e-6, Part::only);
  engine.finish(0);
  Rate rate;
  const auto start = std::chrono::steady_clock::now();
  for (int s = 0; s < steps; ++s) {
    const StepMasks masks =
        draw_step_masks(recipe, plan, place_of(s, 1000, recipe.optim.global_batch), 0);
    const TokenPlan tokens = masks.token_plan(0, plan.micro_batch, e.tokens());
    rate.flops +=
        dry_step(engine.model(), precision_of(recipe.compute), tokens, Recompute::none).flops;
    engine.accumulate({pixels, tokens}, masks.loss_scale, Part::only);
    engine.finish(0);
    engine.update(adamw_step({}, s, 1e-4, 0.04, 0.996));
  }
  rate.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  rate.seconds /= steps;
  rate.flops /= steps;
  return rate;
}

/// The most memory this process ever had resident, MiB.
double peak_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void run_case(const Case& c, DType precision, int threads, int steps) {
  const PretrainRecipe recipe = recipe_of(c, precision, threads);
  const RunPlan plan = plan_run(recipe, 1000 * c.batch, 1);
  const auto device = make_device({.name = "cpu", .threads = threads});
  const double before = resident_mib();
  const auto comm = local_communicator();
  Engine engine(recipe, plan.micro_batch, *device, *comm);
  engine.store().initialise(1);
  const Rate rate = time_steps(engine, recipe, plan, steps);
  const double used = peak_mib() - before;
  const double planned =
      static_cast<double>(plan_memory(engine.model(), recipe, plan.micro_batch).total()) / 1048576;
  const double peak = measure_peak(*device).gflops(precision);
  const double gflops = rate.flops / rate.seconds * 1e-9;
  fmt::print("{:<15}{:<10}{:>8}{:>10.1f}{:>10.1f}{:>10.1f}{:>8.1f} %{:>10.0f}{:>10.0f}{:>8.1f} %\n",
             c.name, name_of(precision), threads, 1e3 * rate.seconds,
             static_cast<double>(c.batch) / rate.seconds, gflops, 100 * gflops / peak, used,
             planned, 100 * (used / planned - 1));
}

/// Each case in a process of its own, so that peaks of memory do not mix.
int run_apart(const Case& c, DType precision, int threads, int steps) {
  const pid_t child = ::fork();
  if (child == 0) {
    run_case(c, precision, threads, steps);
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  using namespace ijepa;
  CLI::App app{"Training steps of published shapes: time, share of peak, memory against plan."};
  int threads = 2, steps = 5;
  std::string only;
  app.add_option("--threads", threads, "compute threads");
  app.add_option("--steps", steps, "timed steps a case");
  app.add_option("--only", only, "run the cases whose name contains this");
  CLI11_PARSE(app, argc, argv);
  fmt::print("{:<15}{:<10}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "model", "type",
             "threads", "ms/step", "images/s", "GFLOP/s", "of peak", "MiB", "planned", "off by");
  std::fflush(stdout);
  int failed = 0;
  for (const Case& c : cases)
    for (const DType precision : {DType::f32, DType::bf16})
      if (std::string(c.name).find(only) != std::string::npos)
        failed |= run_apart(c, precision, threads, steps);
  return failed == 0 ? 0 : 1;
}
