#include "ijepa/data/resize.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {

// PIL: the triangle is centred on the middle of the output pixel in input coordinates, cut at the
// borders and normalised to sum 1 before rounding.
void ResizeFilter::prepare(int in_size, int scaled_size, int begin, int end) {
  const double scale = static_cast<double>(in_size) / scaled_size;
  const double support = std::max(scale, 1.0);
  const double inverse = 1.0 / support;
  const auto positions = static_cast<std::size_t>(end - begin);
  const auto centre_of = [&](std::size_t i) { return (begin + static_cast<int>(i) + 0.5) * scale; };
  first.resize(positions);
  count.resize(positions);
  for (std::size_t i = 0; i < positions; ++i) {
    const double centre = centre_of(i);
    first[i] = std::max(static_cast<int>(centre - support + 0.5), 0);
    count[i] = std::min(static_cast<int>(centre + support + 0.5), in_size) - first[i];
  }
  taps = (*std::max_element(count.begin(), count.end()) + 3) / 4 * 4;
  weights.assign(positions * static_cast<std::size_t>(taps), 0);
  exact.resize(static_cast<std::size_t>(taps));
  for (std::size_t i = 0; i < positions; ++i) {
    const double centre = centre_of(i);
    double sum = 0;
    for (int t = 0; t < count[i]; ++t) {
      const double distance = std::abs((t + first[i] - centre + 0.5) * inverse);
      exact[static_cast<std::size_t>(t)] = distance < 1.0 ? 1.0 - distance : 0.0;
      sum += exact[static_cast<std::size_t>(t)];
    }
    std::int32_t* out = weights.data() + i * static_cast<std::size_t>(taps);
    for (int t = 0; t < count[i]; ++t) {
      const double share = sum != 0.0 ? exact[static_cast<std::size_t>(t)] / sum : 0.0;
      out[t] = static_cast<std::int32_t>(0.5 + share * (1 << resize_precision));
    }
  }
}

void Resizer::resize_rows(const ImageView& in, int first_row, int end_row,
                          std::ptrdiff_t row_bytes) {
  row_weights_.prepare(across_.first, across_.weights, across_.taps);
  const std::ptrdiff_t slack = row_weights_.slack();
  narrow_.resize(static_cast<std::size_t>((end_row - first_row) * row_bytes + slack));
  for (int y = first_row; y < end_row; ++y) {
    const std::uint8_t* row = in.rgb + y * in.stride;
    if ((in.height - 1 - y) * in.stride < slack) {  // little or nothing follows in the buffer
      last_row_.assign(row, row + std::ptrdiff_t{3} * in.width);
      last_row_.resize(last_row_.size() + static_cast<std::size_t>(slack));
      row = last_row_.data();
    }
    row_weights_.apply(row, narrow_.data() + (y - first_row) * row_bytes);
  }
}

// A chunk of a row at a time, its sums in registers.
void Resizer::resize_column(int y, std::ptrdiff_t row_bytes, int first_row,
                            std::uint8_t* out) const {
  constexpr std::ptrdiff_t chunk = 32;
  const auto i = static_cast<std::size_t>(y);
  const std::uint8_t* in = narrow_.data() + (down_.first[i] - first_row) * row_bytes;
  const std::int32_t* k = down_.weights.data() + i * static_cast<std::size_t>(down_.taps);
  const int taps = down_.count[i];
  std::ptrdiff_t x = 0;
  for (; x + chunk <= row_bytes; x += chunk) {
    std::array<std::int32_t, chunk> sum;
    sum.fill(resize_half);
    for (int t = 0; t < taps; ++t) {
      const std::uint8_t* row = in + t * row_bytes + x;
      for (std::size_t c = 0; c < chunk; ++c) sum[c] += row[c] * k[t];
    }
    for (std::size_t c = 0; c < chunk; ++c)
      out[x + static_cast<std::ptrdiff_t>(c)] =
          static_cast<std::uint8_t>(sum[c] >> resize_precision);
  }
  for (; x < row_bytes; ++x) {
    std::int32_t sum = resize_half;
    for (int t = 0; t < taps; ++t) sum += in[t * row_bytes + x] * k[t];
    out[x] = static_cast<std::uint8_t>(sum >> resize_precision);
  }
}

void check_resize(const Size& in, const Size& scaled, const Box& part) {
  check(in.height > 0 && in.width > 0 && scaled.height > 0 && scaled.width > 0,
        "An image of {} x {} pixels cannot be resized to {} x {}.", in.width, in.height,
        scaled.width, scaled.height);
  check(part.top >= 0 && part.left >= 0 && part.height > 0 && part.width > 0 &&
            part.height <= scaled.height - part.top && part.width <= scaled.width - part.left,
        "The part of {} x {} pixels at ({}, {}) does not lie inside {} x {} pixels.", part.width,
        part.height, part.left, part.top, scaled.width, scaled.height);
}

void Resizer::resize(const ImageView& in, const Size& scaled, const Box& part, std::uint8_t* out) {
  check_resize({in.height, in.width}, scaled, part);
  across_.prepare(in.width, scaled.width, part.left, part.left + part.width);
  down_.prepare(in.height, scaled.height, part.top, part.top + part.height);

  const int first_row = down_.first.front();
  const int end_row = down_.first.back() + down_.count.back();
  const std::ptrdiff_t row_bytes = std::ptrdiff_t{3} * part.width;
  resize_rows(in, first_row, end_row, row_bytes);
  for (int y = 0; y < part.height; ++y) resize_column(y, row_bytes, first_row, out + y * row_bytes);
}

Size covering_size(const Size& picture, const Size& target) {
  check(picture.height > 0 && picture.width > 0, "An image without pixels cannot be resized.");
  const std::int64_t by_height = std::int64_t{picture.width} * target.height;
  const std::int64_t by_width = std::int64_t{picture.height} * target.width;
  // The axis that has less to spare gets its size exactly.
  if (by_height >= by_width) return {target.height, static_cast<int>(by_height / picture.height)};
  return {static_cast<int>(by_width / picture.width), target.width};
}

Box centre_box(const Size& picture, const Size& crop) {
  check(picture.height >= crop.height && picture.width >= crop.width,
        "A centre crop of {} x {} does not fit into {} x {} pixels.", crop.width, crop.height,
        picture.width, picture.height);
  const auto offset = [](int whole, int inside) {
    return static_cast<int>(std::nearbyint((whole - inside) / 2.0));
  };
  return {offset(picture.height, crop.height), offset(picture.width, crop.width), crop.height,
          crop.width};
}

Size evaluation_size(const Size& picture, const Size& crop) {
  if (picture == crop) return picture;
  const auto enlarged = [](int s) { return static_cast<int>(std::nearbyint(s * 256.0 / 224.0)); };
  return covering_size(picture, {enlarged(crop.height), enlarged(crop.width)});
}

}  // namespace ijepa
