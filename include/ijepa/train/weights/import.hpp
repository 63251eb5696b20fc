// Import: weights of other programs become a checkpoint of a run folder, which every program of the
// suite then reads. One tensor at a time is in memory.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

/// What an import's configuration has in place of training shards.
constexpr const char* imported_shards = "(imported weights: name shards yourself)";

/// What to assume where a file says nothing of it; 0: nothing.
struct WeightHints {
  std::int64_t heads = 0;
};

struct ImportOptions {
  std::string file;
  std::string run;  // folder to make
  // What files do not always say; 0 or empty: as the file says, or an Error.
  std::int64_t heads = 0, image_height = 0, image_width = 0;
  std::string holds;  // "target" or "context"
  WeightHints hints;
  std::optional<std::vector<double>> mean, std;
  bool allow_missing = false;  // missing tensors start as in an untrained network
  bool allow_unused = false;   // tensors that the model has no place for are left out
};

/// What became of the tensors of a file. Names of the file, or of the model for missing ones. The
/// state of an optimizer that is not the authors', and single numbers, are neither.
struct LoadReport {
  std::int64_t matched = 0;    // tensors of the file that were used
  std::int64_t converted = 0;  // of them, those that were not float32
  std::vector<std::string> missing, unused;
};

struct ImportResult {
  std::string checkpoint;  // its folder
  std::string model;       // "vit_huge, 32 blocks of 1280, ..."
  std::string positions;   // which table is used
  std::string pixels;      // how pixels are normalised, and whether anything says so
  std::vector<std::string> groups;
  LoadReport report;
};

/// An Error, before anything is written, when the file is not of a known form, a tensor has another
/// shape than the model, or tensors are missing or unused and that was not allowed.
ImportResult import_weights(const ImportOptions& options);

/// What the sizes and names in a file, and the config.json beside it, say of the model: `recipe` is
/// resolved. An Error names the option that is needed.
PretrainRecipe recipe_of_weights(WeightFile& file, const ImportOptions& options);

/// "mean 0.485 ..., deviation 0.229 ..." of a recipe_of_weights(), and whether that is assumed.
std::string normalisation_text(WeightFile& file, const ImportOptions& options,
                               const PretrainRecipe& recipe);

/// Format, tensors by group, the model and the plain values of a file: several lines.
std::string describe_weights(WeightFile& file, const ImportOptions& options);

}  // namespace ijepa
