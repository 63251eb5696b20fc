// bench_step: whole training steps (forward, backward, AdamW + EMA) of published shapes on random
// images, as a share of the matrix-product peak measured in the same run, and the memory they took
// beside what the dry run predicted.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <CLI/CLI.hpp>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/device/peak.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "ijepa/train/step/engine.hpp"
#include "ijepa/train/step/memory_plan.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

struct Case {
  const char* name;
  const char* preset;
  std::int64_t image, patch, cpu_batch, gpu_batch;  // 0: too large to wait for
  std::int64_t min_keep, predictor_width, predictor_depth;
};

constexpr Case cases[] = {{"ViT-Tiny/4-32", "vit_tiny", 32, 4, 128, 1024, 4, 192, 6},
                          {"ViT-S/16-224", "vit_small", 224, 16, 16, 256, 10, 384, 6},
                          {"ViT-B/16-224", "vit_base", 224, 16, 16, 256, 10, 384, 6},
                          {"ViT-L/16-224", "vit_large", 224, 16, 0, 128, 10, 384, 12},
                          {"ViT-H/14-224", "vit_huge", 224, 14, 0, 128, 10, 384, 12},
                          {"ViT-g/16-224", "vit_giant", 224, 16, 0, 128, 10, 384, 16}};

struct Options {
  DeviceOptions device{.name = "cpu", .threads = 2};
  int steps = 5;
  std::int64_t batch = 0;
  std::string only, csv;
  Recompute recompute = Recompute::none;

  std::int64_t batch_of(const Case& c) const {
    return batch > 0 ? batch : device.name == "cpu" ? c.cpu_batch : c.gpu_batch;
  }
};

PretrainRecipe recipe_of(const Case& c, DType precision, const Options& options) {
  PretrainRecipe r;
  r.model.encoder.name = c.preset;
  r.model.encoder.patch = c.patch;
  r.model.encoder.image_height = r.model.encoder.image_width = c.image;
  r.model.predictor.width = c.predictor_width;
  r.model.predictor.depth = c.predictor_depth;
  r.mask.min_keep = c.min_keep;
  r.mask.truncate_group = r.optim.global_batch = r.optim.micro_batch = options.batch_of(c);
  r.compute.precision = precision;
  r.compute.recompute = options.recompute;
  r.data.shards = "random images";  // nothing is read
  r.run.dir = "none";
  resolve(r);
  return r;
}

struct Rate {
  double seconds = 0, flops = 0;                 // a step
  double context_tokens = 0, target_tokens = 0;  // mean length of a mask
};

/// A step of random pixels with the masks of step `s`; what it did is added to `rate`.
void run_step(Engine& engine, const PretrainRecipe& recipe, const RunPlan& plan,
              std::span<const std::uint8_t> pixels, int s, Rate& rate) {
  const StepMasks masks =
      draw_step_masks(recipe, plan, place_of(s, 1000, recipe.optim.global_batch), 0);
  const TokenPlan tokens = masks.token_plan(0, plan.micro_batch, recipe.model.encoder.tokens());
  rate.flops +=
      dry_step(engine.model(), precision_of(recipe.compute), tokens, Recompute::none).flops;
  rate.context_tokens += masks.context_tokens;
  rate.target_tokens += masks.target_tokens;
  engine.accumulate({pixels, tokens}, masks.loss_scale, Part::only);
  engine.finish(0);
  engine.update(adamw_step({}, s, 1e-4, 0.04, 0.996));
}

Rate time_steps(Engine& engine, const PretrainRecipe& recipe, const RunPlan& plan, int steps,
                bool plans_shapes) {
  const EncoderConfig& e = recipe.model.encoder;
  std::vector<std::uint8_t> pixels(
      static_cast<std::size_t>(plan.micro_batch * e.image_height * e.image_width * 3));
  Rng rng(1, Purpose::test);
  for (auto& p : pixels) p = static_cast<std::uint8_t>(rng.bits());
  // The warm-up takes the memory of the worst masks, as the plan promises to have it.
  const TokenPlan worst = worst_token_plan(engine.model(), recipe, plan.micro_batch);
  engine.accumulate({pixels, worst}, 1e-6, Part::only);
  engine.finish(0);
  // Lengths differ between steps, and a GPU's libraries plan each when it is first met.
  Rate rate;
  for (int s = 0; plans_shapes && s < steps; ++s) run_step(engine, recipe, plan, pixels, s, rate);
  engine.ops().synchronize();
  rate = {};
  const auto start = std::chrono::steady_clock::now();
  for (int s = 0; s < steps; ++s) run_step(engine, recipe, plan, pixels, s, rate);
  engine.ops().synchronize();
  rate.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (double* sum : {&rate.seconds, &rate.flops, &rate.context_tokens, &rate.target_tokens})
    *sum /= steps;
  return rate;
}

/// Memory taken since it was made, by the device where it has its own, else by this process: MiB.
class MemoryTaken {
 public:
  explicit MemoryTaken(const Device& device) : device_(device), before_(now()) {}
  double mib() const { return peak() - before_; }

 private:
  static double to_mib(std::size_t bytes) { return static_cast<double>(bytes) / 1048576; }
  double now() const {
    const auto unused = device_.free_memory();
    return unused ? -to_mib(*unused) : resident_mib();
  }
  double peak() const {
    if (device_.free_memory()) return now();  // a step gives nothing back
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
  }
  const Device& device_;
  double before_;
};

struct Result {
  Rate rate;
  double peak_gflops = 0, mib = 0, planned_mib = 0;
  std::string device;
};

Result measure(const PretrainRecipe& recipe, const Options& options) {
  const std::int64_t batch = recipe.optim.global_batch;
  const RunPlan plan = plan_run(recipe, 1000 * batch, 1);
  const auto device = make_device(options.device);
  Result result;
  result.device = device->describe();
  // On a GPU this also loads the libraries, whose memory is not that of the step.
  if (device->free_memory()) result.peak_gflops = measure_gflops(*device, recipe.compute.precision);
  const MemoryTaken taken(*device);
  const auto comm = local_communicator();
  Engine engine(recipe, plan.micro_batch, *device, *comm);
  engine.store().initialise(1);
  result.rate = time_steps(engine, recipe, plan, options.steps, device->free_memory().has_value());
  result.mib = taken.mib();
  result.planned_mib =
      static_cast<double>(plan_memory(engine.model(), recipe, plan.micro_batch).total()) / 1048576;
  if (!device->free_memory())
    result.peak_gflops = measure_gflops(*device, recipe.compute.precision);
  return result;
}

void run_case(const Case& c, DType precision, const Options& options) {
  const std::int64_t batch = options.batch_of(c);
  const Result r = measure(recipe_of(c, precision, options), options);
  const double gflops = r.rate.flops / r.rate.seconds * 1e-9;
  const double images = static_cast<double>(batch) / r.rate.seconds;
  fmt::print("{:<15}{:<10}{:>8}{:>10.1f}{:>10.1f}{:>10.1f}{:>8.1f} %{:>10.0f}{:>10.0f}{:>8.1f} %\n",
             c.name, name_of(precision), batch, 1e3 * r.rate.seconds, images, gflops,
             100 * gflops / r.peak_gflops, r.mib, r.planned_mib, 100 * (r.mib / r.planned_mib - 1));
  if (options.csv.empty()) return;
  std::ofstream csv(options.csv, std::ios::app);
  csv << fmt::format("{},{},{},{:.3f},{:.2f},{:.1f},{:.1f},{:.1f},{:.1f},{:.1f},{:.1f},\"{}\"\n",
                     c.name, name_of(precision), batch, 1e3 * r.rate.seconds, images, gflops,
                     r.peak_gflops, r.mib, r.planned_mib, r.rate.context_tokens,
                     r.rate.target_tokens, r.device);
  csv.flush();
  check(csv.good(), "{} could not be written.", options.csv);
}

/// Each case in a process of its own, so that peaks of memory do not mix and one that does not fit
/// leaves the others.
int run_apart(const Case& c, DType precision, const Options& options) {
  const pid_t child = ::fork();
  if (child == 0) {
    int failed = 0;
    try {
      run_case(c, precision, options);
    } catch (const std::exception& e) {
      fmt::print("{:<15}{:<10}{}\n", c.name, name_of(precision), e.what());
      failed = 1;
    }
    std::fflush(stdout);
    ::_exit(failed);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

int run(const Options& options) {
  if (!options.csv.empty())
    std::ofstream(options.csv) << "model,type,batch,ms_per_step,images_per_s,gflops,peak_gflops,"
                                  "mib_taken,mib_planned,context_tokens,target_tokens,device\n";
  fmt::print("{:<15}{:<10}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n", "model", "type",
             "batch", "ms/step", "images/s", "GFLOP/s", "of peak", "MiB", "planned", "off by");
  std::fflush(stdout);
  int ran = 0, failed = 0;
  for (const Case& c : cases)
    for (const DType precision : {DType::f32, DType::bf16}) {
      const auto name = fmt::format("{} {}", c.name, name_of(precision));
      if (options.batch_of(c) == 0 || name.find(options.only) == std::string::npos) continue;
      ++ran;
      failed |= run_apart(c, precision, options);
    }
  check(ran > 0, "No case's name (\"ViT-B/16-224 bfloat16\") contains \"{}\".", options.only);
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace ijepa

int main(int argc, char** argv) {
  using namespace ijepa;
  CLI::App app{"Training steps of published shapes: time, share of peak, memory against plan."};
  Options options;
  bool recompute = false;
  app.add_option("--device", options.device.name, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", options.device.threads, "compute threads of the CPU");
  app.add_option("--steps", options.steps, "timed steps a case")->capture_default_str();
  app.add_option("--batch", options.batch, "images a step in place of the case's own");
  app.add_option("--only", options.only, "cases whose \"model type\" contains this");
  app.add_option("--csv", options.csv, "write the results here too");
  app.add_flag("--recompute", recompute, "keep only the inputs of blocks, as compute.recompute");
  CLI11_PARSE(app, argc, argv);
  if (recompute) options.recompute = Recompute::block;
  try {
    return run(options);
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_step: {}\n", e.what());
    return 1;
  }
}
