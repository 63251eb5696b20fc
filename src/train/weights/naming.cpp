#include "naming.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// Ours, without ".weight" or ".bias"; # is the block's number.
struct NameRow {
  const char* ours;
  std::vector<const char*> theirs, theirs_5;
};
const std::array<NameRow, 8> hugging_face_names{
    {{"patch_embed.proj",
      {"embeddings.patch_embeddings.projection"},
      {"embeddings.patch_embeddings.projection"}},
     {"blocks.#.norm1", {"encoder.layer.#.layernorm_before"}, {"layers.#.layernorm_before"}},
     {"blocks.#.attn.qkv",
      {"encoder.layer.#.attention.attention.query", "encoder.layer.#.attention.attention.key",
       "encoder.layer.#.attention.attention.value"},
      {"layers.#.attention.q_proj", "layers.#.attention.k_proj", "layers.#.attention.v_proj"}},
     {"blocks.#.attn.proj",
      {"encoder.layer.#.attention.output.dense"},
      {"layers.#.attention.o_proj"}},
     {"blocks.#.norm2", {"encoder.layer.#.layernorm_after"}, {"layers.#.layernorm_after"}},
     {"blocks.#.mlp.fc1", {"encoder.layer.#.intermediate.dense"}, {"layers.#.mlp.fc1"}},
     {"blocks.#.mlp.fc2", {"encoder.layer.#.output.dense"}, {"layers.#.mlp.fc2"}},
     {"norm", {"layernorm"}, {"layernorm"}}}};

const std::vector<const char*>& theirs(const NameRow& row, NameStyle style) {
  return style == NameStyle::hugging_face ? row.theirs : row.theirs_5;
}

std::vector<std::string> hugging_face(const std::string& ours, NameStyle style) {
  const auto dot = ours.rfind('.');
  const auto [pattern, number] = without_number(ours.substr(0, dot));
  for (const auto& row : hugging_face_names) {
    if (pattern != row.ours) continue;
    std::vector<std::string> names;
    for (std::string name : theirs(row, style)) {
      if (const auto at = name.find('#'); at != std::string::npos) name.replace(at, 1, number);
      names.push_back(name + ours.substr(dot));
    }
    return names;
  }
  fail("There is no Hugging Face name for {}.", ours);
}

/// Names of the two stacks without ".weight" or ".bias".
constexpr std::array plain_names{"patch_embed.proj",
                                 "blocks.#.norm1",
                                 "blocks.#.attn.qkv",
                                 "blocks.#.attn.proj",
                                 "blocks.#.norm2",
                                 "blocks.#.mlp.fc1",
                                 "blocks.#.mlp.fc2",
                                 "norm",
                                 "predictor_embed",
                                 "predictor_blocks.#.norm1",
                                 "predictor_blocks.#.attn.qkv",
                                 "predictor_blocks.#.attn.proj",
                                 "predictor_blocks.#.norm2",
                                 "predictor_blocks.#.mlp.fc1",
                                 "predictor_blocks.#.mlp.fc2",
                                 "predictor_norm",
                                 "predictor_proj"};

/// The tensor that tells a group, and its style.
struct Probe {
  const char* group;  // "": an encoder
  NameStyle style;
  std::string_view name;
};
constexpr std::array<Probe, 3> probes{
    {{"", NameStyle::plain, "patch_embed.proj.weight"},
     {"", NameStyle::hugging_face, "embeddings.patch_embeddings.projection.weight"},
     {"predictor", NameStyle::plain, "predictor_embed.weight"}}};

/// Words of prefixes: of a network that follows another one as its mean, and of one that is
/// trained.
constexpr std::array<std::string_view, 10> target_words{
    "target_encoder", "target",         "teacher",          "ema",        "model_ema", "ema_model",
    "state_dict_ema", "ema_state_dict", "momentum_encoder", "encoder_ema"};
constexpr std::array<std::string_view, 5> context_words{"encoder", "context_encoder", "student",
                                                        "online", "online_encoder"};

/// What PyTorch puts into names wherever it wraps a module for compiling, recomputing or sharing
/// out.
constexpr std::array<std::string_view, 4> wrapper_parts{"_orig_mod.", "_checkpoint_wrapped_module.",
                                                        "_fsdp_wrapped_module.", "_fpw_module."};

std::string group_said(const std::string& prefix) {
  std::string group, word;
  for (const char c : prefix) {
    if (c != '.' && c != '/') {
      word += c;
      continue;
    }
    if (std::ranges::find(target_words, word) != target_words.end()) return "target_encoder";
    if (std::ranges::find(context_words, word) != context_words.end()) group = "encoder";
    word.clear();
  }
  return group;
}

NameStyle style_of(const WeightFile& file, NameStyle style, const std::string& prefix) {
  const bool five = style == NameStyle::hugging_face &&
                    file.find(prefix + "layers.0.layernorm_before.weight") != nullptr;
  return five ? NameStyle::hugging_face_5 : style;
}

/// One encoder that is called "encoder" alone says nothing; beside a target it is the other one.
void settle_encoders(const WeightFile& file, std::vector<HeldGroup>& held) {
  const auto count = [&](std::string_view group) {
    return std::ranges::count_if(held, [&](const auto& h) { return h.group == group; });
  };
  const auto encoders = std::ssize(held) - count("predictor");
  for (auto& h : held) {
    if (held.size() == 1 && h.group == "encoder") h.group.clear();
    if (h.group.empty() && encoders == 2 && count("target_encoder") == 1) h.group = "encoder";
  }
  for (const auto& h : held)
    check(count(h.group) == 1 && (!h.group.empty() || encoders == 1),
          "{} holds several networks, one of them under {}, and does not say which is which: save "
          "the one that is meant alone.",
          file.path(),
          h.naming.prefix.empty() ? "no prefix" : fmt::format("the prefix {}", h.naming.prefix));
}

bool has_two_dimensions(const ParamInfo* info) {
  return info == nullptr || info->shape.size() > 1;
}

}  // namespace

std::vector<std::string> Naming::of(const std::string& ours) const {
  auto names =
      style == NameStyle::plain ? std::vector<std::string>{ours} : hugging_face(ours, style);
  for (auto& name : names) name.insert(0, prefix);
  return names;
}

std::string Naming::positions(const std::string& group) const {
  if (style != NameStyle::plain) return prefix + "embeddings.position_embeddings";
  return prefix + (group == "predictor" ? "predictor_pos_embed" : "pos_embed");
}

std::string without_wrappers(std::string_view name) {
  std::string out;
  for (std::size_t begin = 0; begin < name.size();) {
    const auto end = std::min(name.find_first_of("./", begin), name.size() - 1) + 1;
    const auto part = name.substr(begin, end - begin);
    if (std::ranges::find(wrapper_parts, part) == wrapper_parts.end()) out += part;
    begin = end;
  }
  return out;
}

std::vector<HeldGroup> held_groups(const WeightFile& file) {
  std::vector<HeldGroup> held;
  for (const auto& tensor : file.tensors())
    for (const auto& probe : probes) {
      if (!tensor.name.ends_with(probe.name)) continue;
      const auto prefix = tensor.name.substr(0, tensor.name.size() - probe.name.size());
      if (!prefix.empty() && !prefix.ends_with('.') && !prefix.ends_with('/')) continue;
      const std::string group = *probe.group != 0 ? probe.group : group_said(prefix);
      held.push_back({group, {style_of(file, probe.style, prefix), prefix}});
    }
  settle_encoders(file, held);
  std::ranges::sort(held, {}, &HeldGroup::group);
  return held;
}

std::pair<std::string, std::string> without_number(const std::string& name) {
  std::size_t begin = 0;
  while (begin < name.size()) {
    const auto end = std::min(name.find('.', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    if (!part.empty() && part.find_first_not_of("0123456789") == std::string::npos)
      return {name.substr(0, begin) + "#" + name.substr(end), part};
    begin = end + 1;
  }
  return {name, ""};
}

bool is_known_name(NameStyle style, const std::string& name) {
  const auto dot = std::min(name.rfind('.'), name.size());
  const auto kind = name.substr(dot);
  if (kind != ".weight" && kind != ".bias")
    return name == "mask_token" || name == "pos_embed" || name == "predictor_pos_embed" ||
           name == "embeddings.position_embeddings";
  const auto pattern = without_number(name.substr(0, dot)).first;
  if (style == NameStyle::plain)
    return std::ranges::find(plain_names, pattern) != plain_names.end();
  return std::ranges::any_of(hugging_face_names, [&](const NameRow& row) {
    return std::ranges::find(theirs(row, style), pattern) != theirs(row, style).end();
  });
}

bool is_in_stack(NameStyle style, const std::string& name) {
  switch (style) {
    case NameStyle::plain:
      return name.starts_with("blocks.") || name.starts_with("predictor_blocks.") ||
             name.starts_with("patch_embed.");
    case NameStyle::hugging_face:
    case NameStyle::hugging_face_5:
      break;
  }
  return name.starts_with(style == NameStyle::hugging_face ? "encoder.layer." : "layers.") ||
         name.starts_with("embeddings.patch_embeddings.");
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
