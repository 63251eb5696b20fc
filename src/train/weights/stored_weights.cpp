#include "stored_weights.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "element.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

namespace ijepa {
namespace {

CheckpointManifest verified(const std::string& folder) {
  auto manifest = read_manifest(folder);
  verify_parts(folder, manifest);
  return manifest;
}

}  // namespace

StoredWeights::StoredWeights(const std::string& folder)
    : folder_(folder),
      manifest_(verified(folder)),
      recipe_(recipe_of_checkpoint(manifest_.meta, folder)),
      positions_(positions_of_checkpoint(manifest_.meta, folder)),
      model_(recipe_.model.encoder, recipe_.model.predictor) {}

bool StoredWeights::holds(const std::string& group) const {
  return std::ranges::any_of(manifest_.tensors, [&](const auto& t) { return t.group == group; });
}

std::string StoredWeights::encoder_group(const std::string& encoder) const {
  const std::string group = encoder == "target" ? "target_encoder" : "encoder";
  check(holds(group), "{} holds no {} encoder; choose the other by --encoder.", folder_, encoder);
  return group;
}

std::string StoredWeights::description() const {
  const auto& e = recipe_.model.encoder;
  const nlohmann::ordered_json json{{"num_attention_heads", e.heads},
                                    {"image_size", {e.image_height, e.image_width}},
                                    {"image_mean", recipe_.data.mean},
                                    {"image_std", recipe_.data.std}};
  return json.dump();
}

const StoredTensor& StoredWeights::find(const std::string& group, const std::string& name) const {
  const auto it = std::ranges::find_if(
      manifest_.tensors, [&](const auto& t) { return t.group == group && t.name == name; });
  check(it != manifest_.tensors.end(), "The checkpoint {} has no tensor {}/{}.", folder_, group,
        name);
  return *it;
}

std::vector<OutTensor> StoredWeights::tensor(const std::string& group, const std::string& name,
                                             const std::vector<std::string>& names) const {
  const StoredTensor& stored = find(group, name);
  std::vector<OutTensor> blocks;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto shape = stored.shape;
    if (names.size() > 1) shape.at(0) /= std::ssize(names);
    const auto fill = [this, &stored, i, n = names.size()](std::span<std::byte> out) {
      if (n == 1) return read_tensor(folder_, manifest_, stored, out);
      std::vector<std::byte> all(stored.bytes());
      read_tensor(folder_, manifest_, stored, all);
      std::memcpy(out.data(), all.data() + i * out.size(), out.size());
    };
    blocks.push_back({{names[i], element_of(stored.dtype), shape}, fill});
  }
  return blocks;
}

OutTensor StoredWeights::positions(const std::string& kind, const std::string& name) const {
  const auto& encoder = recipe_.model.encoder;
  const bool of_predictor = kind == "predictor";
  const auto width = of_predictor ? recipe_.model.predictor.width : encoder.width;
  const auto& own = of_predictor ? positions_.predictor : positions_.encoder;
  const auto fill = [&encoder, width, &own](std::span<std::byte> out) {
    const auto table = table_or_fixed(own, {encoder.grid_rows(), encoder.grid_cols()}, width);
    const std::vector<float> values(table.begin(), table.end());
    std::memcpy(out.data(), values.data(), out.size());
  };
  return {{name, Element::f32, {1, encoder.tokens(), width}}, fill};
}

std::vector<OutTensor> StoredWeights::group(const std::string& group, const Naming& naming) const {
  const std::string kind = group == "predictor" ? "predictor" : "encoder";
  std::vector<OutTensor> tensors;
  for (const ParamInfo* info : authors_order(layout(), kind)) {
    if (info == nullptr) {
      tensors.push_back(positions(kind, naming.positions(group)));
      continue;
    }
    for (auto& block : tensor(group, info->name, naming.of(info->name)))
      tensors.push_back(std::move(block));
  }
  return tensors;
}

}  // namespace ijepa
