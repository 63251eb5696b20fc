// Naming: what other programs call our tensors. Hugging Face keeps query, key and value apart; the
// authors and timm use our names. Before them may stand what wrapped the network when it was saved.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

/// hugging_face: the names of IJepaModel's files; hugging_face_5: those that transformers 5 uses in
/// memory, which files hold that were saved from there.
enum class NameStyle : std::uint8_t { plain, hugging_face, hugging_face_5 };

struct Naming {
  NameStyle style = NameStyle::plain;
  std::string prefix;

  /// Names of the row blocks, of equal size, that make up our tensor.
  std::vector<std::string> of(const std::string& ours) const;
  std::string positions(const std::string& group) const;  // of the position table, (1, N, width)
};

/// Where a file keeps one of the groups that it holds.
struct HeldGroup {
  std::string group;  // "encoder", "predictor", "target_encoder"; "": an encoder, unsaid which
  Naming naming;
};
/// "blocks.0._orig_mod.norm1.bias" -> "blocks.0.norm1.bias".
std::string without_wrappers(std::string_view name);
/// Under any prefix; one that says "target_encoder", "teacher" or "ema" is the target encoder's.
/// Empty when the file's names are of none of the known forms. An Error when it holds several
/// encoders and does not say which is which.
std::vector<HeldGroup> held_groups(const WeightFile& file);
/// "blocks.3.norm1" -> "blocks.#.norm1" and "3"; without a number, the name and "".
std::pair<std::string, std::string> without_number(const std::string& name);
/// Whether `name`, without its prefix, is one that an encoder or predictor of the style has.
bool is_known_name(NameStyle style, const std::string& name);
/// Whether it is one of a block or of the patches' embedding, known or not.
bool is_in_stack(NameStyle style, const std::string& name);

/// What a file says of the one encoder that it holds: "target" or "context"; "": nothing.
std::string encoder_said(const WeightFile& file);

/// A parameter of the authors' optimizer.
struct OptimizerParam {
  std::string group;
  const ParamInfo* info = nullptr;  // null: a position table, which has no state
};
/// Their four groups, in their order: encoder and predictor tensors of two or more dimensions, then
/// encoder and predictor biases and 1-D tensors. Within a group: as named_parameters() gives them.
std::vector<std::vector<OptimizerParam>> authors_optimizer_groups(const ParamLayout& layout);
/// A group's parameters as the authors' modules list them, the position table among them (null).
std::vector<const ParamInfo*> authors_order(const ParamLayout& layout, const std::string& group);

}  // namespace ijepa
