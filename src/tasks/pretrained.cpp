#include "ijepa/tasks/pretrained.hpp"

#include <xxhash.h>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/checkpoint_recipe.hpp"
#include "ijepa/train/weights/load.hpp"

namespace ijepa {

const char* name_of(EncoderChoice choice) {
  return choice == EncoderChoice::target ? "target" : "context";
}

std::string find_checkpoint(const std::string& run, const std::string& checkpoint,
                            Communicator& comm, const Log& log) {
  on_rank_0(comm, [&] {
    check(run.empty() != checkpoint.empty(),
          "Name either a run folder (--run) or a checkpoint's folder or file (--checkpoint).");
  });
  if (!checkpoint.empty()) {
    on_rank_0(comm, [&] {
      if (is_weight_file(checkpoint))
        log.info("{}these weights are read as they are", describe_weight_file(checkpoint));
    });
    return checkpoint;
  }
  const auto found = CheckpointStore(run, {}).newest_valid(comm, log);
  on_rank_0(comm, [&] { check(found.has_value(), "The run folder {} holds no checkpoint.", run); });
  return *found;
}

PretrainRecipe load_checkpoint_recipe(const std::string& checkpoint, Communicator& comm) {
  if (is_weight_file(checkpoint)) {
    PretrainRecipe recipe;
    on_all_ranks(comm, [&] { recipe = recipe_of_weight_file(checkpoint); });
    return recipe;
  }
  const auto meta = load_checkpoint_meta(comm, checkpoint);
  // First on one rank, so that a bad one is complained of once.
  on_rank_0(comm, [&] { recipe_of_checkpoint(meta, checkpoint); });
  return recipe_of_checkpoint(meta, checkpoint);
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

void load_pretrained(const std::string& checkpoint, const std::vector<NamedTensor>& tensors,
                     Communicator& comm) {
  if (is_weight_file(checkpoint))
    load_weight_file(comm, checkpoint, tensors);
  else
    load_checkpoint(comm, checkpoint, tensors, Unused::ignore);
}

}  // namespace ijepa
