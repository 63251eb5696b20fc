// A replay of a step under another configuration: what a replay is on a machine that computes
// something else.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

namespace ijepa::test {

/// The replay `from`, whose step poison() made not finite, under a normalisation that float32
/// holds.
inline void write_sound_replay(const std::string& from, const std::string& to) {
  const CheckpointManifest manifest = read_manifest(from);
  PretrainRecipe recipe = recipe_of_checkpoint(manifest.meta, from);
  recipe.data.std = {1, 1, 1};
  std::map<std::string, std::string> texts = manifest.meta.text;
  texts["config"] = recipe_text(recipe);
  std::vector<std::vector<std::byte>> memory;
  std::vector<NamedTensor> tensors;
  for (const StoredTensor& t : manifest.tensors) {
    memory.emplace_back(t.bytes());
    read_tensor(from, manifest, t, memory.back());
    tensors.push_back({t.group, t.name, t.shape, t.dtype, memory.back().data()});
  }
  save_weights(*local_communicator(), to, {manifest.meta.step, texts}, tensors);
}

}  // namespace ijepa::test
