// Sketch: what a decoder draws for hidden blocks from the predictor's s, several times from
// different noise: what the samples share is in s, what differs s leaves open (Assran et al., arXiv
// 2301.08243, figure 6). Three controls tell how much of it comes from s.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"

namespace ijepa {

struct SketchSettings {
  std::string decoder;              // folder that train-decoder wrote
  std::string run, checkpoint;      // whose predictor is asked; neither: where the decoder's was
  std::string input;                // images asked about
  std::vector<std::string> images;  // keys or numbers of some; empty: `queries`
  std::int64_t queries = 32;        // images spread over the input, a block each
  std::int64_t samples = 6;
  std::int64_t steps = 25;  // of Heun's method
  double guidance = 1.5;
  std::int64_t shown = 4;  // images in the picture
  std::int64_t seed = 0;   // of masks and noise
  std::string out = "outputs/sketch";
  bool skip_bad = false;  // leave out images that cannot be read, and list them
  int threads = 0;        // a rank; 0: as the run was configured
};

/// What the decoder is told.
enum class Told : std::uint8_t { predicted, other, nothing, encoded };
constexpr std::size_t told_count = 4;
const char* name_of(Told told);

/// Of a block and what was told, or means over blocks. Levels are those of pixels, 0 to 255, inside
/// the block alone.
struct SketchFigures {
  double rank = 0;          // of the block's own among all, over samples; 1: always the nearest
  double at1 = 0, at5 = 0;  // share of the samples in which it is among the 1, the 5 nearest
  double error = 0;         // root mean square of the samples' mean, against the truth, levels
  double deviation = 0;     // between samples, mean over pixels, levels
};

struct SketchQuery {
  std::int64_t image = 0;  // of the input
  std::int32_t position = 0;
  double mean_image_error = 0;  // root mean square of the mean of the training's crops, levels
  std::array<SketchFigures, told_count> told{};
};

struct SketchResult {
  std::int64_t rows = 0, cols = 0;  // of a block, in patches
  std::vector<SketchQuery> queries;
  std::array<SketchFigures, told_count> mean{};  // errors: roots of the mean squares
  double mean_image_error = 0;
  SketchSettings settings;
  std::int64_t bad_images = 0;  // left out since they cannot be read
};

/// Writes sketch.png, sketch.csv (a line a block and control) and sketch.json. Noise depends on the
/// seed and the sample's number alone, so all rows of the picture share it; the result is the same
/// on any number of ranks. An Error for a decoder of another network. Collective.
SketchResult sketch_blocks(const SketchSettings& settings, Communicator& comm, const Log& log);

/// Several lines for people.
std::string as_text(const SketchResult& result);

}  // namespace ijepa
