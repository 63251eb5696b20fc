// The start of a run, in the order in which things can go wrong: folder and lock, data, device, and
// whether a checkpoint belongs to this run. Everything here is agreed by all ranks or stops all.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "ijepa/comm/activity.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/communicator.hpp"
#include "ijepa/comm/deadline.hpp"
#include "ijepa/comm/stop_signal.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/device/device.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/health/health.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/run/run_lock.hpp"

namespace ijepa {

/// The same recipe on all ranks, then the folder and its lock on rank 0 (null elsewhere).
std::unique_ptr<RunLock> take_run_folder(const PretrainRecipe& recipe, const Cluster& cluster,
                                         Communicator& comm, const Log& log);

/// The training shards, staged on the node's disk where the recipe says so; the same set on all
/// ranks.
ShardSet open_shards(const PretrainRecipe& recipe, Communicator& comm, const StopSignal& stop,
                     const Log& log);

/// plan_run() for these ranks; rank 0 prints its notes.
RunPlan agree_on_plan(const PretrainRecipe& recipe, const ShardSet& shards, Communicator& comm,
                      const Log& log);

/// What DeviceOptions calls by the same names.
struct DeviceFiles {
  std::string product_algorithms, attention_plans;
};

/// This rank's device, after the ranks of each node have divided its cores and GPUs; rank 0 prints
/// the table of ranks, hosts, devices and cores.
std::unique_ptr<Device> open_device(const ComputeSettings& compute, const Cluster& cluster,
                                    Communicator& comm, const Log& log,
                                    const DeviceFiles& files = {});

/// What a run on a GPU keeps in its folder, for all ranks; empty where the recipe asks for none.
DeviceFiles device_files(const PretrainRecipe& recipe);

/// What the bits of a run depend on beside its settings: devices, kernels and libraries of all
/// ranks, each once, as Device::describe() says without the number of threads, and the revision of
/// operations. Collective.
std::string arithmetic_of(const Device& device, Communicator& comm);

/// What a checkpoint says beside its tensors: "config" (recipe_text()), "shards" (fingerprint) and
/// "arithmetic".
std::map<std::string, std::string> checkpoint_texts(const PretrainRecipe& recipe,
                                                    const ShardSet& shards,
                                                    const std::string& arithmetic);

/// "" or a warning: the run goes on, but not with the bits of one that was never interrupted.
std::string other_arithmetic(const CheckpointMeta& meta, const std::string& arithmetic,
                             const std::string& folder);

/// "" or a warning: bfloat16 was asked for, and this device multiplies float32 clearly faster. The
/// rates are 1e9 operations a second of large products.
std::string slow_bfloat16(double float32_gflops, double bfloat16_gflops);

/// An Error when the checkpoint is of other settings or other data.
void check_same_run(const CheckpointMeta& meta, const PretrainRecipe& recipe,
                    const ShardSet& shards, const std::string& folder);

/// "health: rankme 85.2 of 96, std 0.07, cosine 0.31, ...": the diagnostics in a line; where pixels
/// are predicted, without those of predicted features.
std::string health_line(const Health& health, Predicts predicts);

/// Resident memory of this process in MiB; NaN where the system does not tell.
double resident_mib();

/// Limits of the recipe; a hang is also written to RUN/events.jsonl, by whichever rank reports it.
WatchLimits watch_limits(const PretrainRecipe& recipe, const Log& log);

/// When this run stops by itself. Only rank 0 asks the batch system and says what it learnt; the
/// others' deadline never comes.
Deadline run_deadline(const PretrainRecipe& recipe, const Communicator& comm, const Log& log);

}  // namespace ijepa
