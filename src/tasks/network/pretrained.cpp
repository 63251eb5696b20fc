#include "ijepa/tasks/network/pretrained.hpp"

#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "ijepa/train/weights/load.hpp"

namespace ijepa {

const char* name_of(EncoderChoice choice) {
  constexpr std::array names{"target", "context", "untrained"};
  return names.at(static_cast<std::size_t>(choice));
}

EncoderChoice choice_of_identity(const std::string& identity) {
  for (const auto choice : {EncoderChoice::target, EncoderChoice::context})
    if (identity.find(name_of(choice)) != std::string::npos) return choice;
  return EncoderChoice::untrained;
}

namespace {

/// What --checkpoint takes is called by its name. What else holds no checkpoint is said later.
void check_is_run(const std::string& folder) {
  namespace fs = std::filesystem;
  if (!list_checkpoints(folder).empty()) return;
  check(fs::exists(folder), "There is no run at {}.", folder);
  if (fs::exists(fs::path(folder) / "manifest.json")) {
    refuse_replay(read_manifest(folder).meta, folder);
    fail("{} is a checkpoint, not a run folder: name it by --checkpoint.", folder);
  }
  check(fs::is_directory(folder), "{} is a file, not a run folder: name weights by --checkpoint.",
        folder);
  check(!holds_weights(folder),
        "{} is a folder of another program's weights, not a run folder: name it by --checkpoint.",
        folder);
}

/// Whoever asks for another group than the checkpoint has is told which there are.
void check_groups(const std::string& checkpoint, const std::vector<NamedTensor>& tensors) {
  const auto held = groups_of_pretrained(checkpoint);
  for (const auto& t : tensors)
    check(std::ranges::count(held, t.group) > 0, "{} holds no {}, only: {}.{}", checkpoint, t.group,
          fmt::join(held, ", "), encoder_advice(t.group, held));
}

}  // namespace

std::string find_checkpoint(const std::string& run, const std::string& checkpoint,
                            Communicator& comm, const Log& log) {
  on_rank_0(comm, [&] {
    check(run.empty() != checkpoint.empty(),
          "Name either a run folder (--run) or a checkpoint's folder or file (--checkpoint).");
  });
  if (!checkpoint.empty()) {
    on_rank_0(comm, [&] {
      check(list_checkpoints(checkpoint).empty(),
            "{} is a run folder: name it by --run, or one of {}/checkpoints by --checkpoint.",
            checkpoint, checkpoint);
      if (is_weight_file(checkpoint))
        log.info("{}these weights are read as they are", describe_weight_file(checkpoint));
    });
    return checkpoint.substr(0, checkpoint.find_last_not_of('/') + 1);
  }
  on_rank_0(comm, [&] { check_is_run(run); });
  const auto found = CheckpointStore(run, {}).newest_valid(comm, log);
  on_rank_0(comm, [&] { check(found.has_value(), "The run folder {} holds no checkpoint.", run); });
  return *found;
}

std::string find_recorded_checkpoint(const std::string& run, const std::string& checkpoint,
                                     const std::string& recorded, const std::string& what,
                                     Communicator& comm, const Log& log) {
  if (!run.empty() || !checkpoint.empty()) return find_checkpoint(run, checkpoint, comm, log);
  const auto path = path_of_text(recorded);
  on_rank_0(comm, [&] {
    check(std::filesystem::exists(path), "{} is no longer at {}: name it by --run or --checkpoint.",
          what, recorded);
  });
  return path;
}

PretrainRecipe load_checkpoint_recipe(const std::string& checkpoint, Communicator& comm,
                                      const WeightHints& hints) {
  if (is_weight_file(checkpoint)) {
    PretrainRecipe recipe;
    on_all_ranks(comm, [&] { recipe = recipe_of_weight_file(checkpoint, hints); });
    return recipe;
  }
  const auto meta = load_checkpoint_meta(comm, checkpoint);
  // First on one rank, so that a bad one is complained of once.
  on_rank_0(comm, [&] { recipe_of_checkpoint(meta, checkpoint); });
  return recipe_of_checkpoint(meta, checkpoint);
}

void refuse_other_channels(const PretrainRecipe& recipe, const std::string& what,
                           const std::string& checkpoint, Communicator& comm) {
  const auto channels = recipe.model.encoder.channels;
  on_rank_0(comm, [&] {
    check(channels == 3,
          "The network of {} takes images of {} channel{}, but {} red, green and blue: name one "
          "that was trained with data.channels = 3.",
          checkpoint, channels, channels == 1 ? "" : "s", what);
  });
}

std::unique_ptr<Device> open_task_device(ComputeSettings compute, std::int64_t threads,
                                         Communicator& comm, const Log& log) {
  if (threads > 0) compute.threads = threads;
  return open_device(compute, parse_cluster(process_environment()), comm, log);
}

std::vector<std::string> groups_of_pretrained(const std::string& checkpoint) {
  if (is_weight_file(checkpoint)) return groups_of_weight_file(checkpoint);
  std::vector<std::string> held;
  for (const auto& t : read_manifest(checkpoint).tensors)
    if (held.empty() || held.back() != t.group) held.push_back(t.group);
  return held;
}

std::string encoder_identity(const std::string& checkpoint, EncoderChoice choice,
                             Communicator& comm) {
  std::string identity;
  on_rank_0(comm, [&] {
    std::uint64_t hash = 0;
    if (is_weight_file(checkpoint)) {
      hash = fingerprint_of_weight_file(checkpoint);
    } else {
      const std::string manifest = read_text_file(checkpoint + "/manifest.json");
      hash = XXH3_64bits(manifest.data(), manifest.size());
    }
    identity = fmt::format("{:016x} {}", hash, name_of(choice));
  });
  return comm.broadcast_text(identity, 0);
}

PositionTables load_positions(const std::string& checkpoint, Communicator& comm,
                              const WeightHints& hints) {
  PositionTables tables;
  if (is_weight_file(checkpoint)) {
    on_all_ranks(comm, [&] { tables = positions_of_weight_file(checkpoint, hints); });
    return tables;
  }
  const auto meta = load_checkpoint_meta(comm, checkpoint);
  on_all_ranks(comm, [&] { tables = positions_of_checkpoint(meta, checkpoint); });
  return tables;
}

void load_pretrained(const std::string& checkpoint, const std::vector<NamedTensor>& tensors,
                     Communicator& comm, const WeightHints& hints) {
  if (is_weight_file(checkpoint)) return load_weight_file(comm, checkpoint, tensors, hints);
  on_rank_0(comm, [&] { check_groups(checkpoint, tensors); });
  load_checkpoint(comm, checkpoint, tensors, Unused::ignore);
}

}  // namespace ijepa
