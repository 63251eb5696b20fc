#include "ijepa/tasks/images/image_choice.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

/// The number in front of `ending`; nothing when `text` is not of that form.
std::optional<double> number_before(std::string_view text, std::string_view ending) {
  if (!text.ends_with(ending)) return {};
  text.remove_suffix(ending.size());
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return {};
  return value;
}

std::vector<std::int64_t> images_of_classes(const Dataset& dataset) {
  std::vector<std::int64_t> counts(dataset.class_names().size());
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const auto label = dataset.label(i);
    check(label >= 0, "Image {} has no label; a choice by class needs them.", dataset.key(i));
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
}

/// Of each class as many images as `wanted` says, those with the smallest draws.
ImageChoice smallest_draws(const Dataset& dataset, const std::vector<std::int64_t>& wanted,
                           std::uint64_t seed) {
  struct Drawn {
    double draw;
    std::int64_t image;
    bool operator<(const Drawn& other) const {
      return draw != other.draw ? draw < other.draw : image < other.image;
    }
  };
  std::vector<std::vector<Drawn>> heaps(wanted.size());  // the largest draw of each on top
  // No epoch of an order has this number, so that the draws are its own.
  constexpr std::uint64_t epoch = (1 << 24) - 1;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const auto c = static_cast<std::size_t>(dataset.label(i));
    auto& heap = heaps[c];
    heap.push_back({Rng(seed, Purpose::probe, epoch, static_cast<std::uint64_t>(i)).uniform(), i});
    std::ranges::push_heap(heap, std::less<>());
    if (std::ssize(heap) > wanted[c]) {
      std::ranges::pop_heap(heap, std::less<>());
      heap.pop_back();
    }
  }
  ImageChoice images;
  for (const auto& heap : heaps)
    for (const auto& drawn : heap) images.push_back(drawn.image);
  std::ranges::sort(images);
  return images;
}

ImageChoice listed_images(const Dataset& dataset, const std::string& file) {
  std::istringstream lines(read_text_file(file));
  std::map<std::string, std::int64_t> found;  // line -> image, -1: not seen yet
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) found[line] = -1;
  }
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const auto key = dataset.key(i);
    auto at = found.find(key);
    if (at == found.end()) at = found.find(key.substr(key.rfind('/') + 1));
    if (at == found.end()) continue;
    check(at->second < 0, "The name {} of the list {} stands for two images, {} and {}; use keys.",
          at->first, file, dataset.key(std::max<std::int64_t>(at->second, 0)), key);
    at->second = i;
  }
  ImageChoice images;
  for (const auto& [name, image] : found) {
    check(image >= 0, "The list {} names {}, which is none of the training images.", file, name);
    images.push_back(image);
  }
  std::ranges::sort(images);
  check(!images.empty(), "The list {} is empty.", file);
  return images;
}

}  // namespace

ImageChoice sample_images(const Dataset& dataset, std::int64_t most) {
  const auto size = dataset.size(), count = most > 0 ? std::min(most, size) : size;
  ImageChoice images(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    images[static_cast<std::size_t>(i)] = dataset.is_shuffled() ? i : i * size / count;
  return images;
}

ImageChoice choose_images(const Dataset& dataset, const std::string& what, std::uint64_t seed) {
  if (what.empty()) return sample_images(dataset);
  if (const auto percent = number_before(what, "%")) {
    check(*percent > 0 && *percent <= 100, "A choice of {} is not within 0 and 100 %.", what);
    auto counts = images_of_classes(dataset);
    for (auto& n : counts)
      n = std::min(
          n, std::max<std::int64_t>(1, std::llround(*percent / 100 * static_cast<double>(n))));
    return smallest_draws(dataset, counts, seed);
  }
  if (const auto each = number_before(what, "/class")) {
    check(*each >= 1 && *each == std::floor(*each) && *each <= 1e9,
          "A choice of {} is no whole number of images a class.", what);
    auto wanted = static_cast<std::int64_t>(*each);
    const auto counts = images_of_classes(dataset);
    for (std::size_t c = 0; c < counts.size(); ++c)
      check(counts[c] == 0 || counts[c] >= wanted, "The class {} has {} images, fewer than {}.",
            dataset.class_names()[c], counts[c], what);
    return smallest_draws(dataset, std::vector(counts.size(), wanted), seed);
  }
  return listed_images(dataset, what);
}

std::string as_list(const Dataset& dataset, const ImageChoice& images) {
  std::string text;
  for (const auto image : images) text += dataset.key(image) + "\n";
  return text;
}

}  // namespace ijepa
