#include "network_kind.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

struct Part {
  std::string_view word;  // one of a name that dots separate
  const char* what;
};
constexpr std::array<Part, 41> foreign_parts{{
    {"cls_token", "a class token"},
    {"class_token", "a class token"},
    {"class_embedding", "a class token"},
    {"dist_token", "a distillation token"},
    {"distillation_token", "a distillation token"},
    {"reg_token", "register tokens"},
    {"reg_tokens", "register tokens"},
    {"register_tokens", "register tokens"},
    {"storage_tokens", "register tokens"},
    {"ls1", "LayerScale"},
    {"ls2", "LayerScale"},
    {"layer_scale", "LayerScale"},
    {"layer_scale1", "LayerScale"},
    {"layer_scale2", "LayerScale"},
    {"gamma_1", "LayerScale"},
    {"gamma_2", "LayerScale"},
    {"lambda_1", "LayerScale"},
    {"lambda_2", "LayerScale"},
    {"w12", "SwiGLU"},
    {"w3", "SwiGLU"},
    {"weights_in", "SwiGLU"},
    {"gate_proj", "SwiGLU"},
    {"fc1_g", "SwiGLU"},
    {"fc1_x", "SwiGLU"},
    {"q_norm", "norms of queries and keys"},
    {"k_norm", "norms of queries and keys"},
    {"q_bias", "biases of queries and values alone"},
    {"relative_position_bias_table", "relative positions"},
    {"rel_pos_h", "relative positions"},
    {"rope", "rotary positions"},
    {"rope_embed", "rotary positions"},
    {"rope_embeddings", "rotary positions"},
    {"rotary_emb", "rotary positions"},
    {"rotary_pos_emb", "rotary positions"},
    {"temporal_embed", "positions in time"},
    {"token_type_embeddings", "types of tokens"},
    {"norm_pre", "a norm before its blocks"},
    {"ln_pre", "a norm before its blocks"},
    {"embed_norm", "a norm before its blocks"},
    {"pre_layrnorm", "a norm before its blocks"},
    {"fc_norm", "a norm after pooling in place of the one before it"},
}};

const char* foreign_part_in(const std::string& name) {
  for (std::size_t begin = 0; begin < name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    const auto word = std::string_view(name).substr(begin, end - begin);
    for (const auto& part : foreign_parts)
      if (word == part.word) return part.what;
    begin = end + 1;
  }
  return nullptr;
}

/// The held group whose prefix is the longest that the name has; null: none.
const HeldGroup* owner_of(const std::string& name, const std::vector<HeldGroup>& held) {
  const HeldGroup* owner = nullptr;
  for (const auto& h : held)
    if (name.starts_with(h.naming.prefix) &&
        (owner == nullptr || h.naming.prefix.size() > owner->naming.prefix.size()))
      owner = &h;
  return owner;
}

}  // namespace

void check_kind(const WeightFile& file, const std::vector<HeldGroup>& held) {
  for (const auto& tensor : file.tensors()) {
    const HeldGroup* owner = owner_of(tensor.name, held);
    if (owner == nullptr) continue;
    const auto name = tensor.name.substr(owner->naming.prefix.size());
    if (name.find('/') != std::string::npos || is_known_name(owner->naming.style, name)) continue;
    if (const char* what = foreign_part_in(name))
      fail(
          "{} is another kind of network: it has {} ({}), which I-JEPA's has not, and without it "
          "the features would be others.",
          file.path(), what, tensor.name);
    check(
        !is_in_stack(owner->naming.style, name),
        "{} is another kind of network: its patches or blocks have {}, which those of I-JEPA have "
        "not, and without it the features would be others.",
        file.path(), tensor.name);
  }
}

std::string first_names(const WeightFile& file) {
  constexpr std::size_t most = 4;
  std::vector<std::string> names;
  for (const auto& tensor : file.tensors())
    if (names.size() < most) names.push_back(tensor.name);
  for (const auto& [name, value] : file.scalars())
    if (file.tensors().empty() && names.size() < most) names.push_back(name);
  if (names.empty()) return "nothing";
  if (names.front().empty()) return "a single tensor without a name";
  if (file.tensors().empty()) return fmt::format("no tensors, but {}", fmt::join(names, ", "));
  return file.tensors().size() > most
             ? fmt::format("{}, ... ({} tensors)", fmt::join(names, ", "), file.tensors().size())
             : fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace ijepa
