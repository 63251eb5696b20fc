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
#include "ijepa/data/images/canvas.hpp"

namespace ijepa {

/// In label maps: the pixel counts neither in the loss nor in the scores.
constexpr std::uint8_t ignored_label = 255;

/// Of whole numbers from 0 to 255.
Rgb rgb_of(const std::array<double, 3>& colour);

enum class MaskKind : std::uint8_t { colour, index };
/// What a value of a mask that is no class becomes.
enum class UnknownColour : std::uint8_t { background, ignore, error };

struct SegmentationClass {
  static constexpr std::array<double, 3> not_given{-1, -1, -1};

  std::string name;
  std::int64_t value = -1;                 // in index masks; -1: its place among the classes
  std::array<double, 3> mask = not_given;  // r, g, b in mask files
  std::array<double, 3> draw = not_given;  // r, g, b in results; not given: as in mask files
};

/// Of the mask files; one of the two.
struct IgnoredColour {
  std::int64_t value = -1;
  std::array<double, 3> mask = SegmentationClass::not_given;
};

/// Label l is classes[l]; label 0 is the background.
struct Labels {
  MaskKind masks = MaskKind::colour;
  std::int64_t ignore_index = -1;  // of index masks; -1: none
  bool reduce_zero_label = false;  // of index masks: 0 is ignored and the classes begin at 1
  UnknownColour unknown = UnknownColour::background;
  std::vector<SegmentationClass> classes;
  std::vector<IgnoredColour> ignored;  // colours and values of mask files that are ignored

  std::int64_t count() const { return static_cast<std::int64_t>(classes.size()); }
  /// The number of a class in index masks.
  std::int64_t value(std::size_t label) const;
  /// Exactly two classes of which the first is black (or index 0) and no value is said for the
  /// second: every other value is the second.
  bool two_sided() const;
  /// The drawing colour of each label.
  std::vector<Rgb> palette() const;
};

void describe(SegmentationClass& row, Fields& fields);
void describe(IgnoredColour& row, Fields& fields);
void describe(Labels& labels, Fields& fields);

/// Fills colours not given and refuses, naming `origin`, what cannot work: fewer than 2 or more
/// than 255 classes, names, mask colours or values that occur twice, colours that are missing, an
/// ignored value that is a class.
void resolve(Labels& labels_inout, const std::string& origin);

/// Reads and resolves a file.
Labels load_labels(const std::string& file);

/// Resized: each pixel takes the one whose centre is nearest.
IndexImage resize_labels(const IndexImage& labels, Size size);

}  // namespace ijepa
