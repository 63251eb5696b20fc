#include "naming.hpp"

#include <array>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// Ours, without ".weight" or ".bias"; # is the block's number.
struct NameRow {
  const char* ours;
  std::vector<const char*> theirs;
};
const std::array<NameRow, 8> hugging_face_names{
    {{"patch_embed.proj", {"embeddings.patch_embeddings.projection"}},
     {"blocks.#.norm1", {"encoder.layer.#.layernorm_before"}},
     {"blocks.#.attn.qkv",
      {"encoder.layer.#.attention.attention.query", "encoder.layer.#.attention.attention.key",
       "encoder.layer.#.attention.attention.value"}},
     {"blocks.#.attn.proj", {"encoder.layer.#.attention.output.dense"}},
     {"blocks.#.norm2", {"encoder.layer.#.layernorm_after"}},
     {"blocks.#.mlp.fc1", {"encoder.layer.#.intermediate.dense"}},
     {"blocks.#.mlp.fc2", {"encoder.layer.#.output.dense"}},
     {"norm", {"layernorm"}}}};

/// "blocks.3.norm1" -> "blocks.#.norm1" and "3".
std::pair<std::string, std::string> without_number(const std::string& name) {
  const std::string start = "blocks.";
  if (!name.starts_with(start)) return {name, ""};
  const auto end = name.find('.', start.size());
  return {start + "#" + name.substr(end), name.substr(start.size(), end - start.size())};
}

std::vector<std::string> hugging_face(const std::string& ours) {
  const auto dot = ours.rfind('.');
  const auto [pattern, number] = without_number(ours.substr(0, dot));
  for (const auto& row : hugging_face_names) {
    if (pattern != row.ours) continue;
    std::vector<std::string> names;
    for (std::string name : row.theirs) {
      if (const auto at = name.find('#'); at != std::string::npos) name.replace(at, 1, number);
      names.push_back(name + ours.substr(dot));
    }
    return names;
  }
  fail("There is no Hugging Face name for {}.", ours);
}

struct Candidate {
  const char* group;
  NameStyle style;
  const char* prefix;
};
constexpr std::array<Candidate, 11> candidates{
    {{"encoder", NameStyle::plain, "encoder/module."},
     {"encoder", NameStyle::plain, "encoder/"},
     {"predictor", NameStyle::plain, "predictor/module."},
     {"predictor", NameStyle::plain, "predictor/"},
     {"target_encoder", NameStyle::plain, "target_encoder/module."},
     {"target_encoder", NameStyle::plain, "target_encoder/"},
     {"", NameStyle::plain, ""},
     {"", NameStyle::plain, "module."},
     {"", NameStyle::hugging_face, ""},
     {"", NameStyle::hugging_face, "ijepa."},
     {"", NameStyle::hugging_face, "model."}}};

bool has_two_dimensions(const ParamInfo* info) {
  return info == nullptr || info->shape.size() > 1;
}

}  // namespace

std::vector<std::string> Naming::of(const std::string& ours) const {
  auto names = style == NameStyle::plain ? std::vector<std::string>{ours} : hugging_face(ours);
  for (auto& name : names) name.insert(0, prefix);
  return names;
}

std::string Naming::positions(const std::string& group) const {
  if (style == NameStyle::hugging_face) return prefix + "embeddings.position_embeddings";
  return prefix + (group == "predictor" ? "predictor_pos_embed" : "pos_embed");
}

std::vector<HeldGroup> held_groups(const WeightFile& file) {
  std::vector<HeldGroup> held;
  for (const auto& [group, style, prefix] : candidates) {
    const bool predictor = std::string_view(group) == "predictor";
    const Naming naming{style, prefix};
    const auto probe = predictor ? "predictor_embed.weight" : "patch_embed.proj.weight";
    if (file.find(naming.of(probe).front()) != nullptr) held.push_back({group, naming});
  }
  return held;
}

std::string encoder_said(const WeightFile& file) {
  const auto said = file.scalars().find("__metadata__/encoder");
  if (said == file.scalars().end()) return {};
  const auto* text = std::get_if<std::string>(&said->second);
  return text == nullptr ? std::string() : *text;
}

std::vector<const ParamInfo*> authors_order(const ParamLayout& layout, const std::string& group) {
  std::vector<const ParamInfo*> own, inner;  // a module's own parameters come before its parts'
  for (const auto& info : layout.infos())
    if (info.group == group) (info.name == "mask_token" ? own : inner).push_back(&info);
  own.push_back(nullptr);
  own.insert(own.end(), inner.begin(), inner.end());
  return own;
}

std::vector<std::vector<OptimizerParam>> authors_optimizer_groups(const ParamLayout& layout) {
  std::vector<std::vector<OptimizerParam>> groups;
  for (const bool two_dimensions : {true, false})
    for (const char* group : {"encoder", "predictor"}) {
      groups.emplace_back();
      for (const ParamInfo* info : authors_order(layout, group))
        if (has_two_dimensions(info) == two_dimensions) groups.back().push_back({group, info});
    }
  return groups;
}

}  // namespace ijepa
