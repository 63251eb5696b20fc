#include "ijepa/data/images/resize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ijepa/core/error.hpp"
#include "tests/support/pictures.hpp"

namespace ijepa::test {
namespace {

/// One axis of Pillow's resampling, written as slowly and plainly as it can be: `in` is (lines,
/// length, 3) with the given strides in bytes, the result has `size` in place of length.
Bytes resample_plainly(const Bytes& in, int lines, int length, int size, int line_stride, int step,
                       int out_line_stride, int out_step) {
  const double scale = static_cast<double>(length) / size;
  const double support = std::max(scale, 1.0);
  Bytes out(static_cast<std::size_t>(lines * size * 3));
  for (int i = 0; i < size; ++i) {
    const double centre = (i + 0.5) * scale;
    const int low = std::max(0, static_cast<int>(centre - support + 0.5));
    const int high = std::min(length, static_cast<int>(centre + support + 0.5));
    std::vector<double> weights;
    double sum = 0;
    for (int x = low; x < high; ++x) {
      weights.push_back(std::max(0.0, 1 - std::abs((x - centre + 0.5) * (1.0 / support))));
      sum += weights.back();
    }
    for (int line = 0; line < lines; ++line)
      for (int c = 0; c < 3; ++c) {
        std::int64_t total = 1 << 21;
        for (int x = low; x < high; ++x) {
          const double share = weights[static_cast<std::size_t>(x - low)] / sum;
          total += static_cast<std::int64_t>(0.5 + share * (1 << 22)) *
                   in[static_cast<std::size_t>(line * line_stride + x * step + c)];
        }
        out[static_cast<std::size_t>(line * out_line_stride + i * out_step + c)] =
            static_cast<std::uint8_t>(std::clamp<std::int64_t>(total >> 22, 0, 255));
      }
  }
  return out;
}

Bytes resize_plainly(const Image& in, const Size& size) {
  const Bytes narrow =
      resample_plainly(in.rgb, in.height, in.width, size.width, 3 * in.width, 3, 3 * size.width, 3);
  return resample_plainly(narrow, size.width, in.height, size.height, 3, 3 * size.width, 3,
                          3 * size.width);
}

Bytes resized(const ImageView& in, const Size& size) {
  Bytes out(static_cast<std::size_t>(size.height * size.width * 3));
  Resizer().resize(in, size, out.data());
  return out;
}

TEST(Resize, EqualsThePlainFormAtEverySize) {
  Rng rng(2, Purpose::test);
  for (int i = 0; i < 300; ++i) {
    const auto side = [&](std::uint64_t most) { return 1 + static_cast<int>(rng.below(most)); };
    const std::uint64_t most = i < 100 ? 5 : i < 200 ? 40 : 150;
    const Image image = draw_picture(side(most), side(most), rng.bits());
    const Size size{side(60), side(60)};
    ASSERT_EQ(resized(image.view(), size), resize_plainly(image, size))
        << image.height << "x" << image.width << " to " << size.height << "x" << size.width;
  }
}

TEST(Resize, ExtremeValuesStayThemselves) {
  for (const std::uint8_t value : Bytes{0, 255}) {
    const Image flat{37, 91, Bytes(37 * 91 * 3, value)};
    for (const auto v : resized(flat.view(), {13, 17})) ASSERT_EQ(v, value);
    for (const auto v : resized(flat.view(), {90, 200})) ASSERT_EQ(v, value);
  }
  const Image image = draw_picture(21, 34);
  EXPECT_EQ(resized(image.view(), {21, 34}), image.rgb);
}

// What lies around a crop must not leak into it, whatever follows it in memory.
TEST(Resize, SeesOnlyTheView) {
  const Image image = draw_picture(50, 60);
  const Box box{11, 22, 30, 27};
  Image alone{box.height, box.width, {}};
  const ImageView part = image.view().part(box);
  for (int y = 0; y < box.height; ++y)
    alone.rgb.insert(alone.rgb.end(), part.rgb + y * part.stride,
                     part.rgb + y * part.stride + 3 * box.width);
  EXPECT_EQ(resized(part, {16, 20}), resized(alone.view(), {16, 20}));
}

TEST(Resize, PartEqualsThatPartOfTheWhole) {
  const Image image = draw_picture(70, 45);
  const Size size{64, 33};
  const Bytes whole = resized(image.view(), size);
  const Box part{7, 5, 40, 21};
  Bytes out(static_cast<std::size_t>(part.height * part.width * 3));
  Resizer().resize(image.view(), size, part, out.data());
  for (int y = 0; y < part.height; ++y)
    EXPECT_TRUE(std::equal(out.begin() + y * part.width * 3, out.begin() + (y + 1) * part.width * 3,
                           whole.begin() + ((part.top + y) * size.width + part.left) * 3));
}

TEST(Resize, RefusesEmptySizesAndPartsOutside) {
  const Image image = draw_picture(4, 4);
  Bytes out(1000);
  Resizer resizer;
  EXPECT_THROW(resizer.resize(image.view(), {0, 4}, out.data()), Error);
  EXPECT_THROW(resizer.resize({}, {4, 4}, out.data()), Error);
  EXPECT_THROW(resizer.resize(image.view(), {4, 4}, {1, 0, 4, 4}, out.data()), Error);
  EXPECT_THROW(resizer.resize(image.view(), {4, 4}, {-1, 0, 4, 4}, out.data()), Error);
}

TEST(Resize, EvaluationSizesAreTorchvisions) {
  EXPECT_EQ(evaluation_size({375, 500}, {224, 224}), (Size{256, 341}));
  EXPECT_EQ(evaluation_size({500, 375}, {224, 224}), (Size{341, 256}));
  EXPECT_EQ(evaluation_size({224, 224}, {224, 224}), (Size{224, 224}));
  EXPECT_EQ(evaluation_size({32, 32}, {64, 64}), (Size{73, 73}));
  EXPECT_EQ(covering_size({90, 33}, {40, 40}), (Size{109, 40}));
  // Not square: both axes covered, one exactly.
  EXPECT_EQ(covering_size({300, 300}, {224, 336}), (Size{336, 336}));
  EXPECT_EQ(covering_size({100, 400}, {224, 336}), (Size{224, 896}));
  EXPECT_EQ(centre_box({256, 341}, {224, 224}), (Box{16, 58, 224, 224}));
  EXPECT_EQ(centre_box({11, 10}, {10, 5}), (Box{0, 2, 10, 5})) << "halves round to even";
  EXPECT_THROW(centre_box({10, 10}, {11, 10}), Error);
}

}  // namespace
}  // namespace ijepa::test
