#include "ijepa/tasks/segmentation/labels.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "ijepa/core/error.hpp"
#include "ijepa/tasks/segmentation/mask_reader.hpp"

namespace ijepa {
namespace {

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

std::string named(const Labels& labels, std::int64_t code) {
  return fmt::format("{} {}", labels.masks == MaskKind::index ? "value" : "colour",
                     value_text(labels.masks, static_cast<std::uint32_t>(code)));
}

/// What mask files have for a class or an ignored entry, of colours as one number.
template <class Entry>
std::int64_t code_of(const Labels& labels, const Entry& entry, std::int64_t value) {
  return labels.masks == MaskKind::index ? value : mask_code(rgb_of(entry.mask));
}

/// Mask values must tell classes apart, but for two classes, where only black counts.
void check_distinct(const Labels& labels, const std::string& origin) {
  std::map<std::int64_t, std::string> owners;
  std::set<std::string> names;
  for (std::size_t l = 0; l < labels.classes.size(); ++l) {
    const auto& c = labels.classes[l];
    check(!c.name.empty(), "{}: a class has no name.", origin);
    check(names.insert(c.name).second, "{}: the class {} is there twice.", origin, c.name);
    const auto code = code_of(labels, c, labels.value(l));
    const auto [owner, fresh] = owners.emplace(code, c.name);
    check(fresh || labels.two_sided(), "{}: the classes {} and {} have the same {}.", origin,
          owner->second, c.name, named(labels, code));
  }
  const auto check_free = [&](std::int64_t code) {
    const auto owner = owners.find(code);
    check(owner == owners.end(), "{}: the {} is ignored, but it is that of the class {}.", origin,
          named(labels, code), owner == owners.end() ? "" : owner->second);
  };
  for (const auto& i : labels.ignored) check_free(code_of(labels, i, i.value));
  if (labels.masks != MaskKind::index) return;
  const auto owner = owners.find(labels.ignore_index);
  check(owner == owners.end(),
        "{}: ignore_index = {} is the number of the class {}. If the classes begin behind it, say "
        "so by reduce_zero_label = true, or give each class its value = N.",
        origin, labels.ignore_index, owner == owners.end() ? "" : owner->second);
}

void check_values(const Labels& labels, const std::string& origin) {
  const bool given = std::ranges::any_of(labels.classes, [](auto& c) { return c.value >= 0; });
  check(labels.masks == MaskKind::index || (!given && !labels.reduce_zero_label),
        "{}: value and reduce_zero_label are for masks = \"index\", but masks is \"colour\".",
        origin);
  check(!given || !labels.reduce_zero_label,
        "{}: reduce_zero_label says which values the classes have: leave out their value = N.",
        origin);
  for (const auto& c : labels.classes)
    check(!given || c.value >= 0, "{}: the class {} has no value = N, but others have.", origin,
          c.name);
}

void check_ignored(const Labels& labels, const std::string& origin) {
  for (const auto& i : labels.ignored) {
    const bool index = labels.masks == MaskKind::index;
    check(index || i.value < 0,
          "{}: [[ignore]] has a value, which is for masks = \"index\": give mask = [r, g, b].",
          origin);
    check(index ? i.value >= 0 || is_given(i.mask) : is_given(i.mask),
          "{}: a colour to be ignored has no mask = [r, g, b].", origin);
    if (is_given(i.mask)) check_whole(i.mask, origin);
  }
}

}  // namespace

Rgb rgb_of(const std::array<double, 3>& colour) {
  Rgb out{};
  std::ranges::transform(colour, out.begin(),
                         [](double c) { return static_cast<std::uint8_t>(c); });
  return out;
}

void describe(SegmentationClass& row, Fields& fields) {
  fields("name", row.name, "of the class");
  fields("value", row.value, between(-1, 65535),
         "number in index masks; -1: its place among the classes, from 0");
  fields("mask", row.mask, between(0, 255), "colour in mask files: r, g, b");
  fields("draw", row.draw, between(0, 255), "colour in results; as `mask` where not given");
}

void describe(IgnoredColour& row, Fields& fields) {
  fields("value", row.value, between(-1, 65535), "number in index masks");
  fields("mask", row.mask, between(0, 255), "colour in mask files: r, g, b");
}

void describe(Labels& labels, Fields& fields) {
  fields.listed_in("docs/segment.md");
  fields.choice("masks", labels.masks, {{"colour", MaskKind::colour}, {"index", MaskKind::index}},
                "mask files: colours, or PNGs whose values are class numbers");
  fields("ignore_index", labels.ignore_index, between(-1, 65535),
         "value of index masks that is ignored; -1: none");
  fields("reduce_zero_label", labels.reduce_zero_label,
         "of index masks: 0 is ignored and the classes begin at 1");
  fields.choice("unknown_colour", labels.unknown,
                {{"background", UnknownColour::background},
                 {"ignore", UnknownColour::ignore},
                 {"error", UnknownColour::error}},
                "what a value of a mask that is no class becomes");
  fields.rows("class", labels.classes, "the classes; the first is the background");
  fields.rows("ignore", labels.ignored, "colours and values that are ignored");
}

std::int64_t Labels::value(std::size_t label) const {
  const auto said = classes.at(label).value;
  return said >= 0 ? said : static_cast<std::int64_t>(label) + (reduce_zero_label ? 1 : 0);
}

bool Labels::two_sided() const {
  if (count() != 2 || classes[1].value >= 0 || reduce_zero_label) return false;
  return masks == MaskKind::index ? value(0) == 0 : rgb_of(classes[0].mask) == Rgb{};
}

std::vector<Rgb> Labels::palette() const {
  std::vector<Rgb> colours;
  for (const auto& c : classes) colours.push_back(rgb_of(c.draw));
  return colours;
}

void resolve(Labels& labels, const std::string& origin) {
  check(labels.count() >= 2 && labels.count() <= 255,
        "{}: a segmentation needs 2 to 255 classes, written as [[class]], but here {} {}.", origin,
        labels.count() == 1 ? "is" : "are", labels.count());
  for (auto& c : labels.classes) resolve_colours(c, labels.masks, origin);
  check_values(labels, origin);
  check_ignored(labels, origin);
  check_distinct(labels, origin);
}

Labels load_labels(const std::string& file) {
  auto labels = load_settings<Labels>(file, {});
  resolve(labels, file);
  return labels;
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
