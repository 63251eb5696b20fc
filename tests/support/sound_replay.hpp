// A replay of a step under another configuration: what a replay is on a machine that computes
// something else.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

namespace ijepa::test {

/// The tensors of the folder `from` in a folder `to` that says other things beside them. For one
/// rank.
inline void copy_tensors(const std::string& from, const std::string& to,
                         std::map<std::string, std::string> texts) {
  const CheckpointManifest manifest = read_manifest(from);
  std::vector<std::vector<std::byte>> memory;
  std::vector<NamedTensor> tensors;
  for (const StoredTensor& t : manifest.tensors) {
    memory.emplace_back(t.bytes());
    read_tensor(from, manifest, t, memory.back());
    tensors.push_back({t.group, t.name, t.shape, t.dtype, memory.back().data()});
  }
  save_weights(*local_communicator(), to, {manifest.meta.step, std::move(texts)}, tensors);
}

/// The replay `from`, whose step poison() made not finite, under a normalisation that float32
/// holds.
inline void write_sound_replay(const std::string& from, const std::string& to) {
  CheckpointMeta meta = read_manifest(from).meta;
  auto texts = meta.text;
  meta.text.erase(replay_key);
  PretrainRecipe recipe = recipe_of_checkpoint(meta, from);
  recipe.data.std = {1, 1, 1};
  texts["config"] = recipe_text(recipe);
  copy_tensors(from, to, std::move(texts));
}

}  // namespace ijepa::test
