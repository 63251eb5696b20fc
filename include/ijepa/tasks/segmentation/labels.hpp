// Labels: the classes of a segmentation, how mask files show them, and in which colours results are
// drawn. One TOML file a data set; a copy travels with the trained weights.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/core/config.hpp"
#include "ijepa/data/image.hpp"

namespace ijepa {

/// In label maps: the pixel counts neither in the loss nor in the scores.
constexpr std::uint8_t ignored_label = 255;

using Rgb = std::array<std::uint8_t, 3>;

enum class MaskKind : std::uint8_t { colour, index };
/// What a value of a mask that is no class becomes.
enum class UnknownColour : std::uint8_t { background, ignore, error };

struct SegmentationClass {
  static constexpr std::array<double, 3> not_given{-1, -1, -1};

  std::string name;
  std::array<double, 3> mask = not_given;  // r, g, b in mask files
  std::array<double, 3> draw = not_given;  // r, g, b in results; not given: as in mask files
};

struct IgnoredColour {
  std::array<double, 3> mask = SegmentationClass::not_given;
};

/// Label l is classes[l]; label 0 is the background. With exactly two classes every mask value but
/// black (or index 0) is label 1.
struct Labels {
  MaskKind masks = MaskKind::colour;
  std::int64_t ignore_index = -1;  // of index masks; -1: none
  UnknownColour unknown = UnknownColour::background;
  std::vector<SegmentationClass> classes;
  std::vector<IgnoredColour> ignored;  // colours of mask files that are ignored

  std::int64_t count() const { return static_cast<std::int64_t>(classes.size()); }
  /// The drawing colour of each label.
  std::vector<Rgb> palette() const;
};

void describe(SegmentationClass& row, Fields& fields);
void describe(IgnoredColour& row, Fields& fields);
void describe(Labels& labels, Fields& fields);

/// Fills colours not given and refuses, naming `origin`, what cannot work: fewer than 2 or more
/// than 255 classes, names or mask colours that occur twice, colours that are missing, an ignored
/// index that is a class.
void resolve(Labels& labels_inout, const std::string& origin);

/// Reads and resolves a file.
Labels load_labels(const std::string& file);

/// Label maps of mask files.
class MaskReader {
 public:
  explicit MaskReader(const Labels& labels);

  /// The labels of an encoded mask (PNG). An Error names a value that is no class, with its pixel,
  /// where labels.unknown is `error`.
  IndexImage read(std::span<const std::uint8_t> encoded) const;

 private:
  std::uint8_t label_of_index(std::uint8_t index, int x, int y) const;
  std::uint8_t label_of_colour(Rgb colour, int x, int y) const;
  IndexImage read_colours(std::span<const std::uint8_t> encoded) const;
  /// background, ignored_label, or an Error with the formatted value.
  std::uint8_t unknown(const std::string& value, int x, int y) const;

  Labels labels_;
  std::vector<std::pair<Rgb, std::uint8_t>> by_colour_;  // sorted
};

/// Resized: each pixel takes the one whose centre is nearest.
IndexImage resize_labels(const IndexImage& labels, Size size);

}  // namespace ijepa
