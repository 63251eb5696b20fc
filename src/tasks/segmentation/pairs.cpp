#include "ijepa/tasks/segmentation/pairs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "ijepa/data/images/resize.hpp"

namespace ijepa {
namespace {

std::vector<std::uint8_t> read_file(const std::string& path) {
  const File file(path, File::Mode::read);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(file.size()));
  file.read(0, bytes.data(), bytes.size());
  return bytes;
}

template <class Read>
auto read_named(const std::string& path, const char* what, const Read& read) {
  try {
    return read(read_file(path));
  } catch (const Error& e) {
    fail("The {} {} cannot be read: {}", what, path, e.what());
  }
}

cv::Mat as_mat(Image& image) {
  return {image.height, image.width, CV_8UC3, image.rgb.data()};
}

cv::Mat as_mat(IndexImage& labels) {
  return {labels.height, labels.width, CV_8UC1, labels.index.data()};
}

void flip(cv::Mat m) {
  cv::flip(m, m, 1);
}

void light(const PairDraw& draw, Image& image) {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t v = 0; v < table.size(); ++v) {
    const double value = static_cast<double>(v) * (1 + draw.contrast) + 255 * draw.brightness;
    table[v] = static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  }
  std::ranges::transform(image.rgb, image.rgb.begin(), [&](std::uint8_t v) { return table[v]; });
}

void rotate(double degrees, int interpolation, cv::Mat m) {
  const cv::Point2f centre(static_cast<float>(m.cols - 1) / 2, static_cast<float>(m.rows - 1) / 2);
  cv::warpAffine(m.clone(), m, cv::getRotationMatrix2D(centre, degrees, 1), m.size(), interpolation,
                 cv::BORDER_REFLECT_101);
}

}  // namespace

LabelledImage PairReader::read(const ImagePair& pair, UnknownValues* unknown,
                               std::int64_t number) const {
  int image_turn = 1, mask_turn = 1;
  const auto turn_of = [&](const auto& bytes) { return exif_ ? exif_orientation(bytes) : 1; };
  LabelledImage out;
  out.image = read_named(pair.image, "image", [&](const auto& bytes) {
    image_turn = turn_of(bytes);
    return upright(decode_image(bytes), image_turn);
  });
  out.labels = read_named(pair.mask, "mask", [&](const auto& bytes) {
    mask_turn = turn_of(bytes);
    return upright(masks_.read(bytes, unknown, number), mask_turn);
  });
  out.turned = image_turn != 1;
  const auto exif_hint =
      lies_on_side(image_turn) || lies_on_side(mask_turn)
          ? fmt::format(
                " (EXIF orientation {} of the image and {} of the mask are applied; if the "
                "masks were drawn on the pictures as stored, say --ignore-exif)",
                image_turn, mask_turn)
          : "";
  check(out.image.height == out.labels.height && out.image.width == out.labels.width,
        "The image {} has {} x {} pixels, but its mask {} has {} x {}{}.", pair.image,
        out.image.width, out.image.height, pair.mask, out.labels.width, out.labels.height,
        exif_hint);
  return out;
}

LabelledImage resized(const LabelledImage& pair, Size size) {
  LabelledImage out{{size.height, size.width, {}}, resize_labels(pair.labels, size), pair.turned};
  out.image.rgb.resize(out.labels.index.size() * 3);
  Resizer().resize(pair.image.view(), size, out.image.rgb.data());
  return out;
}

PairDraw PairDraw::draw(Rng& rng) {
  // Every number is drawn, used or not: a draw does not depend on the ones before it.
  const bool flip = rng.uniform() < 0.5, light = rng.uniform() < 0.2, turn = rng.uniform() < 0.5;
  const double contrast = rng.uniform(-0.2, 0.2), brightness = rng.uniform(-0.2, 0.2);
  const double degrees = rng.uniform(-25, 25);
  return {flip, light ? contrast : 0, light ? brightness : 0, turn ? degrees : 0};
}

void augment(const PairDraw& draw, LabelledImage& pair) {
  if (draw.flip) {
    flip(as_mat(pair.image));
    flip(as_mat(pair.labels));
  }
  if (draw.contrast != 0 || draw.brightness != 0) light(draw, pair.image);
  if (draw.degrees == 0) return;
  rotate(draw.degrees, cv::INTER_LINEAR, as_mat(pair.image));
  rotate(draw.degrees, cv::INTER_NEAREST, as_mat(pair.labels));
}

}  // namespace ijepa
