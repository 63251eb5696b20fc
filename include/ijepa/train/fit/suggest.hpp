// A configuration for images and a machine that are at hand: which of the measured recipes
// (docs/recipes.md) suits them, how long it takes here, and the same as commented TOML.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/data/loading/mirror_look.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// What is known of a shard set after a look at some of its images.
struct ImageFacts {
  std::string shards, test_shards;  // folders; test_shards: beside it, labelled, or empty
  std::int64_t images = 0;
  Size median{};                      // pixels of the image with the median short side
  int channels = 3;                   // that images are to be read as
  std::vector<double> mean{}, std{};  // of the channels, pixels 0 to 1
  double decode_seconds = 0;          // an image, on one core
  MirrorLook mirrored{};              // of up to a thousand images
};

struct MachineFacts {
  int cores = 1;
  std::size_t memory = 0;  // bytes this process may use
  bool float16 = false;    // whether compute.cpu_kernels = "float16" runs here
  bool bfloat16 = false;   // whether compute.precision = "auto" would take it
  /// Of training on one core, an image of a step of a recipe.
  std::function<double(const PretrainRecipe&)> step_seconds;
};

struct Suggestion {
  PretrainRecipe recipe;  // resolved, but for what follows from presets
  std::string based_on;   // "configs/synthetic.toml"
  std::string measured;   // what is known of it, in one sentence
  std::int64_t images_seen = 0;
  int ranks = 1;
  double seconds = 0;  // of the whole run on all cores
};

/// Opens the set and decodes up to 128 images spread over it, and again up to 1024, the fewer the
/// larger they are, to see whether they may be mirrored. Errors as ShardSet::open(), and where none
/// of them can be decoded.
ImageFacts look_at_images(const std::string& shards);
/// Cores, memory, and a way to time steps with random pixels.
MachineFacts look_at_machine();

/// The largest network of the table whose shortest useful run takes at most `hours`, as long as the
/// hours and what was measured allow; where `seen` is given, the smallest one, until it has seen so
/// many images or each forty times. An Error where there are too few images for any.
Suggestion suggest(const ImageFacts& images, const MachineFacts& machine, double hours,
                   std::int64_t seen = 0);

/// Commented TOML that load_recipe() reads: what it is for, what it takes, and every setting that
/// is not the default with the reason for it.
std::string suggestion_text(const Suggestion& suggestion, const ImageFacts& images,
                            const MachineFacts& machine);

}  // namespace ijepa
