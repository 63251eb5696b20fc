#include "mask_report.hpp"

#include <algorithm>
#include <numeric>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr double warned_share = 0.001;

double sum_of(const MaskContent& content) {
  return static_cast<double>(
      std::accumulate(content.pixels.begin(), content.pixels.end(), std::int64_t{0}));
}

std::string shares_text(const MaskContent& content, const Labels& labels) {
  const auto share = [&](std::size_t i) {
    return 100 * static_cast<double>(content.pixels[i]) / sum_of(content);
  };
  std::string out;
  for (std::size_t c = 0; c < labels.classes.size(); ++c)
    out += fmt::format("{} {:.2f} %, ", labels.classes[c].name, share(c));
  return out + fmt::format("ignored {:.2f} %", share(labels.classes.size()));
}

std::string fate_of_unknown(const Labels& labels) {
  if (labels.two_sided())
    return fmt::format("count as {}, like all that is not {}", labels.classes[1].name,
                       labels.masks == MaskKind::index ? "0" : "black");
  return labels.unknown == UnknownColour::ignore
             ? "are ignored (unknown_colour)"
             : fmt::format("count as {} (unknown_colour)", labels.classes[0].name);
}

/// The class that a colour would be with red and blue swapped, as OpenCV hands them out.
std::string swapped_hint(const Labels& labels, std::uint32_t code) {
  const auto c = colour_of(code);
  if (labels.masks == MaskKind::colour)
    for (const auto& own : labels.classes)
      if (rgb_of(own.mask) == Rgb{c[2], c[1], c[0]})
        return fmt::format(" Are red and blue swapped? {} is {}.",
                           value_text(labels.masks, mask_code({c[2], c[1], c[0]})), own.name);
  return "";
}

void report_unknown(const MaskContent& content, const Labels& labels, const SegmentationData& data,
                    const std::string& masks, const Log& log) {
  const auto unknown = static_cast<double>(content.unknown.pixels());
  if (unknown == 0) return;
  const auto share = [&](double pixels) { return 100 * pixels / sum_of(content); };
  const auto first = content.unknown.commonest(3);
  std::vector<std::string> shown;
  for (const auto& v : first)
    shown.push_back(
        fmt::format("{} {:.2f} %, first in {} at x = {}, y = {}", value_text(labels.masks, v.code),
                    share(static_cast<double>(v.pixels)), data.pair(v.pair).mask, v.x, v.y));
  const auto text = fmt::format(
      "{}: {:.2f} % of the pixels are of {} that are no class: {}. They {}.{}", masks,
      share(unknown), labels.masks == MaskKind::index ? "values" : "colours",
      fmt::join(shown, "; "), fate_of_unknown(labels), swapped_hint(labels, first[0].code));
  // Masks of two classes that show the second by one other value, such as 1 or 255, are in order.
  const bool usual = labels.two_sided() && content.unknown.commonest(2).size() == 1;
  if (unknown < warned_share * sum_of(content) || usual)
    log.info("{}", text);
  else
    log.warn("{}", text);
}

void report_absent(const MaskContent& content, const Labels& labels, const std::string& masks,
                   const Log& log) {
  std::vector<std::string> absent;
  for (std::size_t c = 0; c < labels.classes.size(); ++c)
    if (content.pixels[c] == 0) absent.push_back(labels.classes[c].name);
  if (!absent.empty())
    log.warn("{}: no pixel is of the class{} {}", masks, absent.size() > 1 ? "es" : "",
             fmt::join(absent, ", "));
}

}  // namespace

void check_classes(const MaskContent& content, const Labels& labels, const std::string& masks) {
  const auto kinds = std::span(content.pixels).first(labels.classes.size());
  const auto present = std::ranges::count_if(kinds, [](auto n) { return n > 0; });
  check(present > 0, "All pixels of the masks in {} are ignored.", masks);
  const auto first = std::ranges::find_if(kinds, [](auto n) { return n > 0; }) - kinds.begin();
  check(present > 1,
        "All labelled pixels of the masks in {} are of the class {}: there is nothing to learn. Do "
        "the mask {} of the configuration fit these masks?",
        masks, labels.classes[static_cast<std::size_t>(first)].name,
        labels.masks == MaskKind::index ? "values" : "colours");
}

void report_masks(const MaskContent& content, const Labels& labels, const SegmentationData& data,
                  const std::string& masks, const Log& log) {
  log.info("{}: {} masks: {}", masks, data.size(), shares_text(content, labels));
  if (content.turned > 0)
    log.info("{}: {} of their images are turned upright as their EXIF orientation says", masks,
             content.turned);
  report_unknown(content, labels, data, masks, log);
  report_absent(content, labels, masks, log);
}

}  // namespace ijepa
