#include "ijepa/train/run/run_start.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/placement.hpp"
#include "ijepa/comm/watch.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/stage.hpp"
#include "ijepa/device/gpus.hpp"
#include "ijepa/device/revision.hpp"
#include "ijepa/train/logs/metrics_log.hpp"
#include "ijepa/train/logs/progress.hpp"
#include "ijepa/train/run/run_folder.hpp"

namespace ijepa {
namespace {

/// As the settings say, else as OMP_NUM_THREADS or Slurm do, if there are as many cores; 0: as many
/// as there are.
int wanted_threads(const ComputeSettings& compute, const Cluster& cluster) {
  if (compute.threads > 0) return static_cast<int>(compute.threads);
  const char* told = std::getenv("OMP_NUM_THREADS");
  const int threads = told != nullptr ? std::atoi(told) : 0;
  return std::min(threads > 0 ? threads : cluster.cpus_per_task, usable_cores());
}

/// ", of 1.5 CPUs (cpu.max of /sys/fs/cgroup/job)", for the start table; "" without a quota that
/// is felt on these cores.
std::string quota_text(std::size_t cores) {
  const auto quota = cpu_quota();
  if (!quota || quota->cpus >= static_cast<double>(cores)) return {};
  return fmt::format(", of {:g} CPU{} ({})", quota->cpus, quota->cpus == 1 ? "" : "s",
                     quota->source);
}

void write_event(const HangReport& report, const std::string& run_dir, const Log& log) try {
  nlohmann::json ranks = nlohmann::json::array();
  for (const WatchedRank& r : report.ranks) {
    ranks.push_back({{"rank", r.rank},
                     {"host", r.host},
                     {"step", r.state.step},
                     {"phase", name_of(r.state.phase)},
                     {"phase_seconds", r.state.phase_seconds},
                     {"collective_calls", r.state.calls},
                     {"late", r.late}});
    if (r.silence >= 0) ranks.back()["silent_seconds"] = r.silence;
  }
  EventLog((std::filesystem::path(run_dir) / "events.jsonl").string(), log)
      .write("hang", {{"reason", report.reason},
                      {"text", report.text},
                      {"reporter", report.reporter},
                      {"ranks", std::move(ranks)}});
} catch (const std::exception& e) {
  log.warn("The hang could not be written to events.jsonl: {}", e.what());
}

}  // namespace

std::unique_ptr<RunLock> take_run_folder(const PretrainRecipe& recipe, const Cluster& cluster,
                                         Communicator& comm, const Log& log) {
  require_equal_on_all_ranks(comm, "The configuration", recipe_text(recipe));
  std::unique_ptr<RunLock> lock;
  on_rank_0(comm, [&] {
    check(!recipe.run.dir.empty(), "run.dir is empty: name a folder for this run.");
    prepare_output_folder(recipe.run.dir);
    lock = std::make_unique<RunLock>(recipe.run.dir, cluster, log);
    prepare_run_folder(recipe, log);
  });
  return lock;
}

ShardSet open_shards(const PretrainRecipe& recipe, Communicator& comm, const StopSignal& stop,
                     const Log& log) {
  std::optional<ShardSet> shards;
  std::string interruption;
  on_all_ranks(comm, [&] {
    std::string source = recipe.data.shards;
    if (!recipe.data.stage_dir.empty()) try {
        source = stage_shards(source, recipe.data.stage_dir,
                              {.interrupted = [&] { return stop.received() != 0; }}, log);
      } catch (const Interrupted& e) {
        interruption = e.what();
        return;
      }
    shards = ShardSet::open(source);
  });
  // A signal may have come to some nodes only, or after the copy of others.
  if (comm.all_reduce(interruption.empty() ? 0.0 : 1.0, Reduction::max) != 0)
    throw Interrupted(interruption.empty() ? "Another rank was interrupted while it copied shards."
                                           : interruption);
  require_equal_on_all_ranks(comm, "The shard set " + recipe.data.shards,
                             fmt::format("{:016x}", shards->fingerprint()));
  return std::move(*shards);
}

RunPlan agree_on_plan(const PretrainRecipe& recipe, const ShardSet& shards, Communicator& comm,
                      const Log& log) {
  RunPlan plan;
  on_all_ranks(comm, [&] { plan = plan_run(recipe, shards.size(), comm.size()); });
  for (const std::string& note : plan.notes) log.info("note: {}", note);
  return plan;
}

std::unique_ptr<Device> open_device(const ComputeSettings& compute, const Cluster& cluster,
                                    Communicator& comm, const Log& log, const DeviceFiles& files) {
  RankPlace place{host_name(), allowed_cores(), "", ""};
  auto places = gather_places(comm, place);
  share_cpu_quota(ranks_on_host(places, comm.rank()));
  const int threads = wanted_threads(compute, cluster);
  const int local_rank =
      cluster.local_rank >= 0 ? cluster.local_rank : local_rank_of(places, comm.rank());
  std::unique_ptr<Device> device;
  on_all_ranks(comm, [&] {
    const bool bind = compute.bind_cores == BindCores::automatic;
    const auto share = share_of_cores(places, comm.rank(), threads);
    if (bind && !share.empty()) run_on_cores(share);
    place.cores = allowed_cores();
    const bool cuda = compute.device == DeviceChoice::cuda;
    // Slurm shows a task all GPUs of the node, or its own one alone as number 0.
    const int gpu = local_rank % std::max(cuda ? visible_gpus() : 0, 1);
    device = make_device({.name = cuda ? fmt::format("cuda:{}", gpu) : "cpu",
                          .threads = threads,
                          .cpu_kernels = compute.cpu_kernels,
                          .product_algorithms = files.product_algorithms,
                          .attention_plans = files.attention_plans,
                          .log = log});
    place.device = device->describe() + quota_text(place.cores.size());
    if (cuda) place.gpu = gpu_identity(gpu);
  });
  places = gather_places(comm, place);
  for (const std::string& line : table_of(places)) log.info("{}", line);
  const std::string problem = shared_gpu_problem(places);
  if (!problem.empty()) throw AgreedError(problem);
  return device;
}

DeviceFiles device_files(const PretrainRecipe& recipe) {
  const std::filesystem::path folder = recipe.run.dir;
  const ComputeSettings& c = recipe.compute;
  DeviceFiles files;
  if (c.product_algorithms == ProductAlgorithms::measured)
    files.product_algorithms = folder / "product_algorithms.jsonl";
  if (c.device == DeviceChoice::cuda && c.precision == DType::bf16)
    files.attention_plans = folder / "attention_plans";
  return files;
}

std::string arithmetic_of(const Device& device, Communicator& comm) {
  std::istringstream parts(device.describe());
  std::vector<std::string> kept;
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.starts_with(' ')) part.erase(0, 1);
    if (!part.ends_with(" thread") && !part.ends_with(" threads")) kept.push_back(part);
  }
  kept.push_back(fmt::format("operations {}", operations_revision));
  const auto all = comm.gather_all(fmt::format("{}", fmt::join(kept, ", ")));
  return fmt::format("{}", fmt::join(std::set<std::string>(all.begin(), all.end()), "; "));
}

std::map<std::string, std::string> checkpoint_texts(const PretrainRecipe& recipe,
                                                    const ShardSet& shards,
                                                    const std::string& arithmetic) {
  return {{"config", recipe_text(recipe)},
          {"shards", fmt::format("{:016x}", shards.fingerprint())},
          {"arithmetic", arithmetic}};
}

std::string other_arithmetic(const CheckpointMeta& meta, const std::string& arithmetic,
                             const std::string& folder) {
  const auto stored = meta.text.find("arithmetic");
  if (stored == meta.text.end() || stored->second == arithmetic) return {};
  return fmt::format(
      "The checkpoint {} was computed by {}, this start computes by {}: the run goes on, but "
      "rounds "
      "differently from one that was never interrupted.",
      folder, stored->second, arithmetic);
}

std::string slow_bfloat16(double float32_gflops, double bfloat16_gflops) {
  // Less is within the noise of one measurement.
  if (float32_gflops < 1.1 * bfloat16_gflops) return {};
  return fmt::format(
      "compute.precision = \"bfloat16\" is slower here than \"float32\": this device multiplies "
      "at {:.0f} GFLOP/s in bfloat16 and at {:.0f} in float32. What bfloat16 saves is memory "
      "alone.",
      bfloat16_gflops, float32_gflops);
}

void check_same_run(const CheckpointMeta& meta, const PretrainRecipe& recipe,
                    const ShardSet& shards, const std::string& folder) {
  const auto expected = checkpoint_texts(recipe, shards, "");
  const auto stored = [&](const char* key) {
    const auto found = meta.text.find(key);
    return found == meta.text.end() ? std::string() : found->second;
  };
  const auto differing =
      differing_settings(stored("config"), expected.at("config"), recipe.run.used_folder);
  check(differing.empty(), "The checkpoint {} is of a run with other settings: {}.", folder,
        differing.empty() ? "" : differing.front());
  check(stored("shards") == expected.at("shards"),
        "The checkpoint {} was trained on other shards than {}: going on would mix two data sets. "
        "Give the former shards, or a new run.dir.",
        folder, recipe.data.shards);
}

std::string health_line(const Health& h, Predicts predicts) {
  const auto of_images = fmt::format(
      "health: rankme {:.1f} of {}, std {:.4f}, cosine {:.3f}, position share {:.3f}", h.rankme,
      std::min(h.images, h.width), h.feature_std, h.pairwise_cosine, h.position_share);
  if (predicts == Predicts::pixels) return of_images + " (no features are predicted)";
  return of_images +
         fmt::format(", gap {:.3f}, loss {:.4f} = {:.2f} of zero's = {:.2f} of the position mean's",
                     h.cross_sample_gap, h.loss, h.loss_to_zero, h.loss_to_position_mean);
}

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  if (!(statm >> total >> resident)) return std::numeric_limits<double>::quiet_NaN();
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576.0;
}

WatchLimits watch_limits(const PretrainRecipe& recipe, const Log& log) {
  const RunSettings& run = recipe.run;
  return {.silence = run.hang_seconds,
          .standstill = run.standstill_seconds,
          .stop_grace = run.stop_grace_seconds,
          .notice = run.wait_notice_seconds,
          .on_hang = [dir = run.dir, log](const HangReport& r) { write_event(r, dir, log); }};
}

Deadline run_deadline(const PretrainRecipe& recipe, const Communicator& comm, const Log& log) {
  if (comm.rank() != 0) return Deadline({});
  const DeadlineSettings settings{.job_seconds = seconds_to_job_end(process_environment(), log),
                                  .slice_seconds = recipe.run.max_seconds,
                                  .margin_seconds = recipe.run.stop_margin_seconds};
  if (settings.job_seconds)
    log.info("The job ends in {}; the run saves and stops in time.",
             duration_text(*settings.job_seconds));
  return Deadline(settings);
}

}  // namespace ijepa
