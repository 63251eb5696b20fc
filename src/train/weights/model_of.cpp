// The model that a weight file holds, from the shapes of its tensors and the config.json beside it.
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <tuple>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/core/pixel_type.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/model/mask_limits.hpp"
#include "ijepa/train/weights/import.hpp"
#include "naming.hpp"
#include "network_kind.hpp"
#include "weight_place.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const FileTensor& find(const WeightFile& file, const std::string& name, std::size_t dimensions) {
  const FileTensor* tensor = file.find(name);
  check(tensor != nullptr, "{} lacks the tensor {}.", file.path(), name);
  check(tensor->shape.size() == dimensions, "{} in {} has {} dimensions instead of {}.", name,
        file.path(), tensor->shape.size(), dimensions);
  return *tensor;
}

/// A size that a model can have: at most the largest of any recipe, so that products of sizes stay
/// far from overflow.
std::int64_t size_in(const WeightFile& file, const char* what, std::int64_t size) {
  constexpr std::int64_t largest = 65536;
  check(size > 0 && size <= largest, "{} has {} = {}, which no model has: 1 to {}.", file.path(),
        what, size, largest);
  return size;
}

std::int64_t count_blocks(const WeightFile& file, const Naming& naming, const char* stack) {
  std::int64_t depth = 0;
  while (file.find(naming.of(fmt::format("{}.{}.norm1.weight", stack, depth))[0]) != nullptr)
    ++depth;
  return depth;
}

/// config.json and preprocessor_config.json as Hugging Face and timm put them beside the weights,
/// or NAME.config.json; null when there is none.
Json json_beside(const std::string& path, const std::string& name) {
  for (const auto& candidate :
       {fs::path(path).parent_path() / name, fs::path(path).replace_extension(name)}) {
    if (fs::is_regular_file(candidate))
      return parse_json(read_text_file(candidate.string()), candidate.string() + " is damaged");
  }
  return {};
}

/// What the file says of its model, and then what lies beside it.
Json described(WeightFile& file) {
  Json config = Json::object();
  try {
    if (const auto own = file.description(); !own.empty())
      config = parse_json(own, file.path() + " describes its model in damaged words");
    for (const char* name : {"config.json", "preprocessor_config.json"})
      if (const auto beside = json_beside(file.path(), name); beside.is_object())
        config.update(beside);
  } catch (const Json::exception& e) {
    fail("What {} says of its model is damaged: {}.", file.path(), json_reason(e));
  }
  return config;
}

/// The first of several dotted keys that a JSON object has, as a whole number; 0: none.
std::int64_t number_in(const Json& config, std::initializer_list<const char*> pointers) {
  for (const char* pointer : pointers) {
    const Json::json_pointer at(pointer);
    if (config.is_object() && config.contains(at) && config.at(at).is_number_integer())
      return config.at(at).get<std::int64_t>();
  }
  return 0;
}

/// Height and width of an image that is no square, where they are said.
std::optional<std::array<std::int64_t, 2>> image_size_in(const Json& config) {
  for (const char* pointer : {"/image_size", "/model_args/img_size"}) {
    const Json::json_pointer at(pointer);
    if (config.contains(at) && config.at(at).is_array() && config.at(at).size() == 2 &&
        std::ranges::all_of(config.at(at), [](const Json& j) { return j.is_number_integer(); }))
      return config.at(at).get<std::array<std::int64_t, 2>>();
  }
  return std::nullopt;
}

void set_image_size(const ImportOptions& options, const Json& config, const WeightFile& file,
                    std::int64_t tokens, EncoderConfig& encoder) {
  const auto& path = file.path();
  const auto side_of = [](std::int64_t patches) {
    const auto side = static_cast<std::int64_t>(std::llround(std::sqrt(patches)));
    return side * side == patches ? side : 0;
  };
  const auto side = side_of(tokens), less = side_of(tokens - 1);
  const auto said = image_size_in(config);
  const bool is_said = options.image_height > 0 || said;
  check(is_said || side > 0 || less == 0,
        "{} holds {} positions: those of {} x {} patches and of a class token, which makes it "
        "another kind of network, or those of a grid that is no square, which ijepa-weights import "
        "--image-size HEIGHT WIDTH says.",
        path, tokens, less, less);
  check(is_said || side > 0,
        "{} holds {} patches an image, which are no square: ijepa-weights import "
        "--image-size HEIGHT WIDTH says how they lie.",
        path, tokens);
  encoder.image_height = encoder.image_width = side * encoder.patch;
  if (said)
    std::tie(encoder.image_height, encoder.image_width) = std::tuple(
        size_in(file, "an image height", (*said)[0]), size_in(file, "an image width", (*said)[1]));
  if (options.image_height > 0)
    std::tie(encoder.image_height, encoder.image_width) =
        std::tuple(options.image_height, options.image_width);
  check(encoder.image_height % encoder.patch == 0 && encoder.image_width % encoder.patch == 0 &&
            encoder.tokens() == tokens,
        "An image of {} x {} pixels has {} patches of side {}, but {} is for {} patches.",
        encoder.image_height, encoder.image_width, encoder.tokens(), encoder.patch, path, tokens);
}

/// Error for an MLP of another function than GELU, which no tensor tells.
void check_activation(const Json& config, const std::string& path) {
  for (const char* place : {"/hidden_act", "/model_args/act_layer", "/architecture"}) {
    const Json::json_pointer at(place);
    if (!config.contains(at) || !config.at(at).is_string()) continue;
    const auto said = config.at(at).get<std::string>();
    const bool is_architecture = std::string_view(place) == "/architecture";
    check(
        is_architecture ? said.find("quickgelu") == std::string::npos : said == "gelu",
        "{} is another kind of network: the config.json beside it says {} = {}, and I-JEPA's MLPs "
        "have GELU, so the features would be others.",
        path, std::string_view(place).substr(1), said);
  }
}

/// The preset of these sizes, if there is one, which also knows the heads.
void name_sizes(EncoderConfig& encoder) {
  encoder.name = "custom";
  for (const char* name :
       {"vit_tiny", "vit_small", "vit_base", "vit_large", "vit_huge", "vit_giant"}) {
    EncoderConfig preset = encoder;
    apply_preset(preset, name);
    if (preset.width == encoder.width && preset.depth == encoder.depth &&
        preset.mlp_hidden == encoder.mlp_hidden &&
        (encoder.heads == 0 || encoder.heads == preset.heads))
      encoder = preset;
  }
}

EncoderConfig encoder_of(const WeightFile& file, const HeldGroup& held,
                         const ImportOptions& options, const Json& config) {
  const auto& naming = held.naming;
  const auto& patches = find(file, naming.of("patch_embed.proj.weight")[0], 4);
  EncoderConfig encoder;
  encoder.width = size_in(file, "a width", patches.shape[0]);
  encoder.patch = size_in(file, "a patch side", patches.shape[2]);
  encoder.channels = patches.shape[1];
  check(encoder.channels >= 1 && encoder.channels <= most_channels,
        "{} takes images of {} channels, but 1 to {} are possible.", file.path(), encoder.channels,
        most_channels);
  encoder.depth = count_blocks(file, naming, "blocks");
  check(encoder.depth > 0, "{} holds no blocks of an encoder.", file.path());
  encoder.mlp_hidden =
      size_in(file, "an MLP width", find(file, naming.of("blocks.0.mlp.fc1.bias")[0], 1).shape[0]);
  encoder.heads = options.heads > 0
                      ? options.heads
                      : number_in(config, {"/num_attention_heads", "/model_args/num_heads"});
  name_sizes(encoder);
  if (encoder.heads == 0) encoder.heads = options.hints.heads;
  check(encoder.heads > 0,
        "{} does not say how many attention heads its {} blocks of width {} have; "
        "ijepa-weights import --heads N does.",
        file.path(), encoder.depth, encoder.width);
  const auto& positions = find(file, naming.positions(held.group), 3);
  set_image_size(options, config, file, size_in(file, "a number of patches", positions.shape[1]),
                 encoder);
  return encoder;
}

/// Without a predictor in the file, a shape that fits the encoder; nothing is stored of it.
PredictorConfig predictor_of(const WeightFile& file, const std::vector<HeldGroup>& held,
                             const EncoderConfig& encoder) {
  for (const auto& [group, naming] : held) {
    if (group != "predictor") continue;
    const auto width = find(file, naming.of("predictor_embed.weight")[0], 2).shape[0];
    const auto hidden = find(file, naming.of("predictor_blocks.0.mlp.fc1.bias")[0], 1).shape[0];
    return {size_in(file, "a predictor width", width),
            count_blocks(file, naming, "predictor_blocks"),
            size_in(file, "an MLP width of the predictor", hidden), 0};
  }
  return {encoder.width, 1, encoder.mlp_hidden, 0};
}

constexpr std::array mean_places{"/image_mean", "/pretrained_cfg/mean"};
constexpr std::array std_places{"/image_std", "/pretrained_cfg/std"};

void set_normalisation(const ImportOptions& options, const Json& config, const std::string& path,
                       DataSettings& data) {
  const auto from = [&](const auto& places, std::vector<double>& to) {
    for (const char* place : places) {
      const Json::json_pointer at(place);
      if (config.contains(at)) to = config.at(at).get<std::vector<double>>();
    }
  };
  from(mean_places, data.mean);
  from(std_places, data.std);
  data.mean = options.mean.value_or(data.mean);
  data.std = options.std.value_or(data.std);
  for (const auto& [what, values] : {std::pair{"mean", &data.mean}, std::pair{"std", &data.std}})
    check(std::ssize(*values) == data.channels,
          "{} takes images of {} channel{}, but there {} {} for the {}: ijepa-weights import --{} "
          "says one for each.",
          path, data.channels, data.channels == 1 ? "" : "s", values->size() == 1 ? "is" : "are",
          values->size(), what, what);
}

/// The largest min_keep up to the published one that masks on this grid can work with.
void fit_masks(PretrainRecipe& recipe) {
  const Grid grid{recipe.model.encoder.grid_rows(), recipe.model.encoder.grid_cols()};
  for (auto& keep = recipe.mask.min_keep; keep > 0; --keep) {
    try {
      return check_masks(recipe.mask, grid);
    } catch (const Error&) {
      // Blocks on a small grid have fewer patches.
    }
  }
}

}  // namespace

PretrainRecipe recipe_of_weights(WeightFile& file, const ImportOptions& options) {
  check(!is_one_of_several(file.path()),
        "{} is one of several files of a network: name their index (.index.json) or their folder.",
        file.path());
  const auto held = held_groups(file);
  const auto encoder =
      std::ranges::find_if(held, [](const auto& h) { return h.group != "predictor"; });
  check(
      encoder != held.end(),
      "{} holds no encoder under the names of the authors' release, Hugging Face or timm, but {}.",
      file.path(), first_names(file));
  check_kind(file, held);
  const Json config = described(file);
  check_activation(config, file.path());
  PretrainRecipe recipe;
  recipe.model.encoder = encoder_of(file, *encoder, options, config);
  recipe.model.predictor = predictor_of(file, held, recipe.model.encoder);
  try {
    recipe.data.channels = recipe.model.encoder.channels;
    set_normalisation(options, config, file.path(), recipe.data);
  } catch (const Json::exception& e) {
    fail("The mean and deviation beside {} are damaged: {}.", file.path(), json_reason(e));
  }
  recipe.data.shards = imported_shards;
  recipe.run.dir = options.run.empty() ? "(none)" : utf8_name(options.run);
  fit_masks(recipe);
  resolve(recipe);
  return recipe;
}

std::string normalisation_text(WeightFile& file, const ImportOptions& options,
                               const PretrainRecipe& recipe) {
  const Json config = described(file);
  const auto is_said = [&](const auto& places, const auto& option) {
    return option || std::ranges::any_of(places, [&](const char* place) {
             return config.contains(Json::json_pointer(place));
           });
  };
  const bool said = is_said(mean_places, options.mean) && is_said(std_places, options.std);
  return fmt::format("mean {:.4g}, deviation {:.4g}{}", fmt::join(recipe.data.mean, " "),
                     fmt::join(recipe.data.std, " "),
                     said ? ""
                          : " (ImageNet's, as nothing says which the network was trained with: "
                            "ijepa-weights import --mean --std sets others)");
}

}  // namespace ijepa
