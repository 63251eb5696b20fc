// Replay: ijepa-pretrain --replay, which repeats what a run kept of a step that was not finite
// (explained_step.hpp), on any machine.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/model/config.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"

namespace ijepa {

/// What masks and draws of the rank's part follow from, beside the configuration.
struct ReplayPlace {
  std::int64_t step = 0, rank = 0, ranks = 1;
  std::int64_t dataset_images = 0;     // of the run's data
  std::int64_t first = 0, images = 0;  // in the file: so many of the rank's part, from its first on
};

/// The tensors of a replay, for saving and loading: those of `weights` (Engine::weight_tensors() in
/// host memory), `pixels` (images, H, W, C), and Engine::surveyed() where losses are pooled.
std::vector<NamedTensor> replay_tensors(std::vector<NamedTensor> weights,
                                        const EncoderConfig& encoder,
                                        std::span<std::uint8_t> pixels,
                                        std::span<double> pooled_sums);

/// RUN/non_finite/step_N.replay.
std::string replay_path(const std::string& run_dir, std::int64_t step);
/// Of this run, whatever their state.
std::int64_t count_replays(const std::string& run_dir);

/// The whole file, or an Error and nothing under its name. `texts`: those of a checkpoint. For one
/// rank.
void write_replay(const std::string& path, const ReplayPlace& place,
                  std::map<std::string, std::string> texts,
                  const std::vector<NamedTensor>& tensors);

/// An Error, before any is read, where no replay can be at `path`.
void expect_replay(const std::string& path);

/// An Error where `meta`, of `path`, is of another kind or names what cannot be.
ReplayPlace replay_place(const CheckpointMeta& meta, const std::string& path);

struct Replayed {
  std::string said;  // as the run said it, where it is not finite again
  bool finite = false;
};

/// The replay at `path`, repeated with `settings` ("compute.key=value", "optim.micro_batch=N")
/// changed: masks and draws go by the position of an image, so micro-batches of another size are
/// the same step. An Error where it is damaged or none, or on more than one rank.
Replayed replay(const std::string& path, const std::vector<std::string>& settings,
                const Cluster& cluster, Communicator& comm, const Log& log);

}  // namespace ijepa
