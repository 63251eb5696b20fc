#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

#include <bit>
#include <charconv>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr const char* encoder_key = "positions";
constexpr const char* predictor_key = "predictor_positions";
constexpr std::size_t digits_each = 8;  // of a float32

std::uint32_t swapped(std::uint32_t bits) {
  return bits >> 24 | (bits >> 8 & 0xff00U) | (bits << 8 & 0xff0000U) | bits << 24;
}

std::string digits_of(const std::vector<double>& table) {
  std::string text;
  text.reserve(table.size() * digits_each);
  for (const double value : table)
    text += fmt::format("{:08x}", swapped(std::bit_cast<std::uint32_t>(static_cast<float>(value))));
  return text;
}

/// Empty where the checkpoint has no such text. An Error unless it is a table of (tokens, width).
std::vector<double> table_of(const CheckpointMeta& meta, const char* key, std::int64_t tokens,
                             std::int64_t width, const std::string& folder) {
  const auto found = meta.text.find(key);
  if (found == meta.text.end()) return {};
  const std::string& text = found->second;
  const auto count = static_cast<std::size_t>(tokens * width);
  bool sound = text.size() == count * digits_each;
  std::vector<double> values(sound ? count : 0);
  for (std::size_t i = 0; sound && i < values.size(); ++i) {
    std::uint32_t bits = 0;
    const char* first = text.data() + i * digits_each;
    sound = std::from_chars(first, first + digits_each, bits, 16).ptr == first + digits_each;
    values[i] = std::bit_cast<float>(swapped(bits));
  }
  check(sound, "The {} in the checkpoint {} are no table of {} x {} float32 numbers.", key, folder,
        tokens, width);
  return values;
}

}  // namespace

std::map<std::string, std::string> texts_of_positions(const PositionTables& tables) {
  std::map<std::string, std::string> texts;
  if (!tables.encoder.empty()) texts[encoder_key] = digits_of(tables.encoder);
  if (!tables.predictor.empty()) texts[predictor_key] = digits_of(tables.predictor);
  return texts;
}

PositionTables positions_of_checkpoint(const CheckpointMeta& meta, const std::string& folder) {
  if (!meta.text.contains(encoder_key) && !meta.text.contains(predictor_key)) return {};
  const auto [encoder, predictor] = recipe_of_checkpoint(meta, folder).model;
  return {{encoder.grid_rows(), encoder.grid_cols()},
          table_of(meta, encoder_key, encoder.tokens(), encoder.width, folder),
          table_of(meta, predictor_key, encoder.tokens(), predictor.width, folder)};
}

void refuse_replay(const CheckpointMeta& meta, const std::string& folder) {
  check(!meta.text.contains(replay_key),
        "{} is the replay of a step that was not finite, no checkpoint: ijepa-pretrain --replay {} "
        "repeats the step.",
        folder, folder);
}

PretrainRecipe recipe_of_checkpoint(const CheckpointMeta& meta, const std::string& folder) {
  refuse_replay(meta, folder);
  const auto config = meta.text.find("config");
  check(config != meta.text.end(), "The checkpoint {} does not say what model it holds.", folder);
  PretrainRecipe recipe;
  read_toml(fields_of(recipe), config->second, folder + " (config)");
  resolve(recipe);
  return recipe;
}

}  // namespace ijepa
