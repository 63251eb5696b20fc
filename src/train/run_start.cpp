#include "ijepa/train/run_start.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#include "ijepa/comm/agree.hpp"
#include "ijepa/data/stage.hpp"
#include "ijepa/train/run_folder.hpp"

namespace ijepa {

std::unique_ptr<RunLock> take_run_folder(const PretrainRecipe& recipe, const Cluster& cluster,
                                         Communicator& comm, const Log& log) {
  require_equal_on_all_ranks(comm, "The configuration", recipe_text(recipe));
  std::unique_ptr<RunLock> lock;
  on_rank_0(comm, [&] {
    check(!recipe.run.dir.empty(), "run.dir is empty: name a folder for this run.");
    std::filesystem::create_directories(recipe.run.dir);
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

std::unique_ptr<Device> open_device(const PretrainRecipe& recipe, const Cluster& cluster,
                                    Communicator& comm, const Log& log) {
  std::unique_ptr<Device> device;
  on_all_ranks(comm, [&] {
    // A GPU for each rank of a node.
    const bool cuda = recipe.compute.device == DeviceChoice::cuda;
    device =
        make_device({.name = cuda ? fmt::format("cuda:{}", std::max(cluster.local_rank, 0)) : "cpu",
                     .threads = static_cast<int>(recipe.compute.threads),
                     .cpu_kernels = recipe.compute.cpu_kernels});
  });
  const auto lines =
      comm.gather_all(fmt::format("host {}, local rank {}, {}", host_name(),
                                  std::max(cluster.local_rank, 0), device->describe()));
  for (std::size_t rank = 0; rank < lines.size(); ++rank)
    log.info("rank {}: {}", rank, lines[rank]);
  return device;
}

std::map<std::string, std::string> checkpoint_texts(const PretrainRecipe& recipe,
                                                    const ShardSet& shards) {
  return {{"config", recipe_text(recipe)},
          {"shards", fmt::format("{:016x}", shards.fingerprint())}};
}

void check_same_run(const CheckpointMeta& meta, const PretrainRecipe& recipe,
                    const ShardSet& shards, const std::string& folder) {
  const auto expected = checkpoint_texts(recipe, shards);
  const auto stored = [&](const char* key) {
    const auto found = meta.text.find(key);
    return found == meta.text.end() ? std::string() : found->second;
  };
  const auto differing = differing_settings(stored("config"), expected.at("config"));
  check(differing.empty(), "The checkpoint {} is of a run with other settings: {}.", folder,
        differing.empty() ? "" : differing.front());
  check(stored("shards") == expected.at("shards"),
        "The checkpoint {} was trained on other shards than {}: going on would mix two data sets. "
        "Give the former shards, or a new run.dir.",
        folder, recipe.data.shards);
}

std::string health_line(const Health& h) {
  return fmt::format(
      "health: rankme {:.1f} of {}, std {:.4f}, cosine {:.3f}, position share {:.3f}, gap {:.3f}, "
      "loss {:.4f} = {:.2f} of zero's = {:.2f} of the position mean's",
      h.rankme, std::min(h.images, h.width), h.feature_std, h.pairwise_cosine, h.position_share,
      h.cross_sample_gap, h.loss, h.loss_to_zero, h.loss_to_position_mean);
}

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  if (!(statm >> total >> resident)) return std::numeric_limits<double>::quiet_NaN();
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576.0;
}

}  // namespace ijepa
