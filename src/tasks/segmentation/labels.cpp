#include "ijepa/tasks/segmentation/labels.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

Rgb as_rgb(const std::array<double, 3>& colour) {
  Rgb out{};
  std::ranges::transform(colour, out.begin(),
                         [](double c) { return static_cast<std::uint8_t>(c); });
  return out;
}

std::string text_of(const Rgb& c) {
  return fmt::format("({}, {}, {})", c[0], c[1], c[2]);
}

bool is_given(const std::array<double, 3>& colour) {
  return colour != SegmentationClass::not_given;
}

void check_whole(const std::array<double, 3>& colour, const std::string& origin) {
  check(std::ranges::all_of(colour, [](double c) { return c == std::floor(c); }),
        "{}: the colour ({}) is not made of whole numbers.", origin, fmt::join(colour, ", "));
}

void resolve_colours(SegmentationClass& c, MaskKind masks, const std::string& origin) {
  check(masks == MaskKind::index || is_given(c.mask),
        "{}: the class {} has no colour: give mask = [r, g, b].", origin, c.name);
  if (!is_given(c.draw)) c.draw = c.mask;
  check(is_given(c.draw), "{}: the class {} has no colour to be drawn in: give draw = [r, g, b].",
        origin, c.name);
  if (!is_given(c.mask)) c.mask = c.draw;
  check_whole(c.mask, origin);
  check_whole(c.draw, origin);
}

/// Mask colours must tell classes apart, but for two classes, where only black counts.
void check_distinct(const Labels& labels, const std::string& origin) {
  std::map<std::array<double, 3>, std::string> owners;
  const bool colours = labels.masks == MaskKind::colour && labels.count() > 2;
  std::set<std::string> names;
  for (const auto& c : labels.classes) {
    check(!c.name.empty(), "{}: a class has no name.", origin);
    check(names.insert(c.name).second, "{}: the class {} is there twice.", origin, c.name);
    const auto [owner, fresh] = owners.emplace(c.mask, c.name);
    check(fresh || !colours, "{}: the classes {} and {} have the same colour {}.", origin,
          owner->second, c.name, text_of(as_rgb(c.mask)));
  }
  for (const auto& i : labels.ignored) {
    const auto owner = owners.find(i.mask);
    check(owner == owners.end() || labels.masks == MaskKind::index,
          "{}: the colour {} is ignored, but it is that of the class {}.", origin,
          text_of(as_rgb(i.mask)), owner == owners.end() ? "" : owner->second);
  }
}

}  // namespace

void describe(SegmentationClass& row, Fields& fields) {
  fields("name", row.name, "of the class");
  fields("mask", row.mask, between(0, 255), "colour in mask files: r, g, b");
  fields("draw", row.draw, between(0, 255), "colour in results; as `mask` where not given");
}

void describe(IgnoredColour& row, Fields& fields) {
  fields("mask", row.mask, between(0, 255), "colour in mask files: r, g, b");
}

void describe(Labels& labels, Fields& fields) {
  fields.listed_in("docs/segment.md");
  fields.choice("masks", labels.masks, {{"colour", MaskKind::colour}, {"index", MaskKind::index}},
                "mask files: colours, or grey and palette PNGs whose values are class numbers");
  fields("ignore_index", labels.ignore_index, between(-1, 255),
         "value of index masks that is ignored; -1: none");
  fields.choice("unknown_colour", labels.unknown,
                {{"background", UnknownColour::background},
                 {"ignore", UnknownColour::ignore},
                 {"error", UnknownColour::error}},
                "what a value of a mask that is no class becomes");
  fields.rows("class", labels.classes, "the classes; the first is the background");
  fields.rows("ignore", labels.ignored, "colours that are ignored");
}

std::vector<Rgb> Labels::palette() const {
  std::vector<Rgb> colours;
  for (const auto& c : classes) colours.push_back(as_rgb(c.draw));
  return colours;
}

void resolve(Labels& labels, const std::string& origin) {
  check(labels.count() >= 2 && labels.count() <= 255,
        "{}: a segmentation needs 2 to 255 classes, written as [[class]], but here {} {}.", origin,
        labels.count() == 1 ? "is" : "are", labels.count());
  for (auto& c : labels.classes) resolve_colours(c, labels.masks, origin);
  for (const auto& i : labels.ignored) {
    check(is_given(i.mask), "{}: a colour to be ignored has no mask = [r, g, b].", origin);
    check_whole(i.mask, origin);
  }
  check_distinct(labels, origin);
  check(labels.ignore_index < 0 || labels.ignore_index >= labels.count(),
        "{}: ignore_index = {} is the number of the class {}.", origin, labels.ignore_index,
        labels
            .classes[static_cast<std::size_t>(std::max<std::int64_t>(labels.ignore_index, 0)) %
                     labels.classes.size()]
            .name);
}

Labels load_labels(const std::string& file) {
  auto labels = load_settings<Labels>(file, {});
  resolve(labels, file);
  return labels;
}

MaskReader::MaskReader(const Labels& labels) : labels_(labels) {
  for (std::size_t l = 0; l < labels.classes.size(); ++l)
    by_colour_.emplace_back(as_rgb(labels.classes[l].mask), static_cast<std::uint8_t>(l));
  for (const auto& i : labels.ignored) by_colour_.emplace_back(as_rgb(i.mask), ignored_label);
  std::ranges::sort(by_colour_);
}

std::uint8_t MaskReader::unknown(const std::string& value, int x, int y) const {
  check(labels_.unknown != UnknownColour::error,
        "The mask has {} at pixel x = {}, y = {}, which is no class of the configuration (rule "
        "unknown_colour = \"error\").",
        value, x, y);
  return labels_.unknown == UnknownColour::ignore ? ignored_label : std::uint8_t{0};
}

std::uint8_t MaskReader::label_of_index(std::uint8_t index, int x, int y) const {
  if (index == labels_.ignore_index) return ignored_label;
  if (labels_.count() == 2) return index == 0 ? 0 : 1;
  if (index < labels_.count()) return index;
  return unknown(fmt::format("the index {}", index), x, y);
}

std::uint8_t MaskReader::label_of_colour(Rgb colour, int x, int y) const {
  const auto found = std::ranges::lower_bound(by_colour_, std::pair{colour, std::uint8_t{0}});
  const bool known = found != by_colour_.end() && found->first == colour;
  if (labels_.count() == 2 && !(known && found->second == ignored_label))
    return colour == Rgb{} ? 0 : 1;
  if (known) return found->second;
  return unknown("the colour " + text_of(colour), x, y);
}

IndexImage MaskReader::read_colours(std::span<const std::uint8_t> encoded) const {
  const Image image = decode_image(encoded);
  IndexImage out{image.height, image.width, {}};
  out.index.resize(image.rgb.size() / 3);
  Rgb last{};
  std::uint8_t label = 0;
  for (std::size_t i = 0; i < out.index.size(); ++i) {
    const Rgb colour{image.rgb[3 * i], image.rgb[3 * i + 1], image.rgb[3 * i + 2]};
    if (i == 0 || colour != last) {  // masks are runs of one colour
      const auto width = static_cast<std::size_t>(image.width);
      label = label_of_colour(colour, static_cast<int>(i % width), static_cast<int>(i / width));
      last = colour;
    }
    out.index[i] = label;
  }
  return out;
}

IndexImage MaskReader::read(std::span<const std::uint8_t> encoded) const {
  check(image_format(encoded) == ImageFormat::png,
        "Masks must be PNG files: other formats do not keep every value.");
  if (labels_.masks == MaskKind::colour) return read_colours(encoded);
  IndexImage map = decode_index_png(encoded);
  for (int y = 0; y < map.height; ++y)
    for (int x = 0; x < map.width; ++x) {
      auto& value = map.index[static_cast<std::size_t>(y) * static_cast<std::size_t>(map.width) +
                              static_cast<std::size_t>(x)];
      value = label_of_index(value, x, y);
    }
  return map;
}

IndexImage resize_labels(const IndexImage& labels, Size size) {
  if (size == Size{labels.height, labels.width}) return labels;
  IndexImage out{size.height, size.width, {}};
  out.index.reserve(static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width));
  const auto nearest = [](int place, int from, int to) {
    return (std::int64_t{2} * place + 1) * from / (std::int64_t{2} * to);
  };
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      out.index.push_back(labels.index[static_cast<std::size_t>(
          nearest(y, labels.height, size.height) * labels.width +
          nearest(x, labels.width, size.width))]);
  return out;
}

}  // namespace ijepa
