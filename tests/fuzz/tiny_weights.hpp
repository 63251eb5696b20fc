// The tensors of a tiny encoder under timm's names: 8 x 8 patches of one pixel, one block of
// width 8.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "ijepa/core/error.hpp"
#include "src/train/weights/safetensors.hpp"

namespace ijepa::fuzz {

inline std::vector<OutTensor> tiny_tensors() {
  const std::vector<FileTensor> tensors{{"pos_embed", Element::f32, {1, 64, 8}},
                                        {"patch_embed.proj.weight", Element::f32, {8, 3, 1, 1}},
                                        {"patch_embed.proj.bias", Element::f16, {8}},
                                        {"blocks.0.norm1.weight", Element::f32, {8}},
                                        {"blocks.0.norm1.bias", Element::f32, {8}},
                                        {"blocks.0.attn.qkv.weight", Element::bf16, {24, 8}},
                                        {"blocks.0.attn.qkv.bias", Element::f32, {24}},
                                        {"blocks.0.attn.proj.weight", Element::f32, {8, 8}},
                                        {"blocks.0.attn.proj.bias", Element::f32, {8}},
                                        {"blocks.0.norm2.weight", Element::f32, {8}},
                                        {"blocks.0.norm2.bias", Element::f32, {8}},
                                        {"blocks.0.mlp.fc1.weight", Element::f32, {16, 8}},
                                        {"blocks.0.mlp.fc1.bias", Element::f32, {16}},
                                        {"blocks.0.mlp.fc2.weight", Element::f32, {8, 16}},
                                        {"blocks.0.mlp.fc2.bias", Element::f64, {8}},
                                        {"norm.weight", Element::f32, {8}},
                                        {"norm.bias", Element::f32, {8}}};
  std::vector<OutTensor> out;
  for (const auto& tensor : tensors)
    out.push_back({tensor, [](std::span<std::byte> b) { std::ranges::fill(b, std::byte{0x3c}); }});
  return out;
}

/// a.safetensors and b.safetensors, and the index that names them.
inline std::string write_tiny_weights(const std::string& folder) {
  const auto all = tiny_tensors();
  const auto half = all.begin() + 8;
  const std::map<std::string, std::string> metadata{{"format", "pt"}};
  write_safetensors(folder + "/a.safetensors", {all.begin(), half}, metadata);
  write_safetensors(folder + "/b.safetensors", {half, all.end()}, metadata);
  std::string map;
  for (auto it = all.begin(); it != all.end(); ++it)
    map += fmt::format("{}\n\"{}\": \"{}.safetensors\"", map.empty() ? "" : ",", it->tensor.name,
                       it < half ? "a" : "b");
  return "{\"weight_map\": {" + map + "}}";
}

}  // namespace ijepa::fuzz
