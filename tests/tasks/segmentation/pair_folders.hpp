// Pair folders: pictures with one coloured block each and masks that say where it is, easy to
// learn.
#pragma once
#include <filesystem>
#include <fstream>
#include <string>

#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/segmentation/train.hpp"
#include "tests/support/input_tree.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {

struct BlockPicture {
  Image image, mask;
};

/// Noise with a block of red or of blue; the mask has (255, 0, 0) or (0, 0, 255) there.
inline BlockPicture block_picture(int height, int width, std::uint64_t seed) {
  Rng rng(seed, Purpose::test);
  const auto below = [&](int n) {
    return static_cast<int>(rng.below(static_cast<std::uint64_t>(n)));
  };
  const int top = below(height / 2), left = below(width / 2);
  const bool red = rng.uniform() < 0.5;
  BlockPicture out{{height, width, {}}, {height, width, {}}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const bool inside = y >= top && y < top + height / 2 && x >= left && x < left + width / 2;
      for (int c = 0; c < 3; ++c) {
        const bool own = inside && c == (red ? 0 : 2);
        out.mask.rgb.push_back(own ? 255 : 0);
        out.image.rgb.push_back(static_cast<std::uint8_t>((own ? 190 : 40) + below(40)));
      }
    }
  return out;
}

inline void write_pair(const std::filesystem::path& folder, const std::string& name, int height,
                       int width, std::uint64_t seed) {
  const auto picture = block_picture(height, width, seed);
  write_bytes(folder / "images" / (name + ".png"), encode_png(picture.image));
  write_bytes(folder / "masks" / (name + ".png"), encode_png(picture.mask));
}

constexpr const char* block_labels = R"(unknown_colour = "error"
[[class]]
name = "nothing"
mask = [0, 0, 0]
[[class]]
name = "red"
mask = [255, 0, 0]
draw = [250, 128, 0]
[[class]]
name = "blue"
mask = [0, 0, 255]
)";

/// Of a short training on write_block_data()'s at 40 x 48 pixels: neither square nor the size of
/// pretraining.
inline SegmentTrainSettings block_settings(const std::filesystem::path& folder) {
  SegmentTrainSettings s;
  s.run = (folder / "run").string();
  s.config = (folder / "labels.toml").string();
  s.train_images = (folder / "train/images").string();
  s.train_masks = (folder / "train/masks").string();
  s.valid_images = (folder / "valid/images").string();
  s.valid_masks = (folder / "valid/masks").string();
  s.out = (folder / "out").string();
  s.image = {40, 48};
  s.epochs = 2;
  s.learning_rate = 0.01;
  s.threads = 1;
  return s;
}

/// A tiny checkpoint, 12 pairs to train on and 5 to validate on.
inline void write_block_data(const std::filesystem::path& folder) {
  write_tiny_checkpoint((folder / "run").string());
  for (std::uint64_t i = 0; i < 17; ++i)
    write_pair(folder / (i < 12 ? "train" : "valid"), fmt::format("p{}", 100 + i), 50, 70, i);
  std::ofstream(folder / "labels.toml") << block_labels;
}

}  // namespace ijepa::test
