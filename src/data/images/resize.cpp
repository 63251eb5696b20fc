#include "ijepa/data/images/resize.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ijepa/core/error.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace ijepa {
namespace {

constexpr int low_bits = 11;
constexpr std::size_t group_halves = 8;

#ifdef __AVX2__
// Twelve bytes are four pixels. The shuffle makes 16-bit pairs of neighbouring taps, channel by
// channel (r0 r1 g0 g1 b0 b1 - -, and the same of taps 2 and 3), which vpmaddwd multiplies and
// adds.
void weigh_pixel(const std::uint8_t* in, const std::int16_t* halves, std::size_t groups,
                 std::uint8_t* out) {
  constexpr char z = -1;
  const __m256i pairs = _mm256_setr_epi8(0, z, 3, z, 1, z, 4, z, 2, z, 5, z, z, z, z, z,  //
                                         6, z, 9, z, 7, z, 10, z, 8, z, 11, z, z, z, z, z);
  const __m256i upper = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const __m256i lower = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);
  __m256i high = _mm256_setzero_si256(), low = _mm256_setzero_si256();
  for (std::size_t g = 0; g < groups; ++g, in += 12, halves += group_halves) {
    const __m256i bytes =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in)));
    const __m256i weights =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
    const __m256i pixels = _mm256_shuffle_epi8(bytes, pairs);
    high = _mm256_add_epi32(high,
                            _mm256_madd_epi16(pixels, _mm256_permutevar8x32_epi32(weights, upper)));
    low = _mm256_add_epi32(low,
                           _mm256_madd_epi16(pixels, _mm256_permutevar8x32_epi32(weights, lower)));
  }
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, low_bits), low);
  const __m128i both = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  const __m128i rounded =
      _mm_srai_epi32(_mm_add_epi32(both, _mm_set1_epi32(resize_half)), resize_precision);
  const __m128i narrow = _mm_packus_epi16(_mm_packus_epi32(rounded, rounded), rounded);
  _mm_storeu_si32(out, narrow);  // the fourth byte is the next pixel's, written after this one
}
#else
void weigh_pixel(const std::uint8_t* in, const std::int16_t* halves, std::size_t groups,
                 std::uint8_t* out) {
  std::int32_t sum[3] = {resize_half, resize_half, resize_half};
  for (std::size_t g = 0; g < groups; ++g, halves += group_halves)
    for (std::size_t t = 0; t < 4; ++t, in += 3) {
      const std::int32_t weight = (halves[t] << low_bits) + halves[t + 4];
      if (weight == 0) continue;  // behind the last tap there may be no pixel
      for (std::size_t c = 0; c < 3; ++c) sum[c] += in[c] * weight;
    }
  for (std::size_t c = 0; c < 3; ++c)
    out[c] = static_cast<std::uint8_t>(sum[c] >> resize_precision);
}
#endif

/// sums += weight * values.
void add_weighted(const std::uint16_t* values, std::int64_t weight, std::span<std::int64_t> sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += weight * values[i];
}

/// Rounded weights may sum to a little more than one.
void round_to(std::span<const std::int64_t> sums, std::uint16_t* out) {
  for (std::size_t i = 0; i < sums.size(); ++i)
    out[i] = static_cast<std::uint16_t>(
        std::min<std::int64_t>((sums[i] + resize_half) >> resize_precision, 65535));
}

}  // namespace

void RowWeights::prepare(std::span<const std::int32_t> first, std::span<const std::int32_t> weights,
                         int taps) {
  groups_ = static_cast<std::size_t>(taps) / 4;
  first_byte_.resize(first.size());
  for (std::size_t i = 0; i < first.size(); ++i) first_byte_[i] = 3 * first[i];
  halves_.resize(2 * weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::size_t at = i / 4 * group_halves + i % 4;
    halves_[at] = static_cast<std::int16_t>(weights[i] >> low_bits);
    halves_[at + 4] = static_cast<std::int16_t>(weights[i] & ((1 << low_bits) - 1));
  }
}

void RowWeights::apply(const std::uint8_t* in, std::uint8_t* out) const {
  const std::int16_t* halves = halves_.data();
  for (const std::int32_t first : first_byte_) {
    weigh_pixel(in + first, halves, groups_, out);
    halves += groups_ * group_halves;
    out += 3;
  }
}

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

void SampleResizer::resize(const SampleView& in, const Size& scaled, const Box& part,
                           std::uint16_t* out) {
  check_resize({in.height, in.width}, scaled, part);
  across_.prepare(in.width, scaled.width, part.left, part.left + part.width);
  down_.prepare(in.height, scaled.height, part.top, part.top + part.height);
  const int first_row = down_.first.front();
  const int end_row = down_.first.back() + down_.count.back();
  const auto channels = static_cast<std::size_t>(in.channels);
  const std::size_t row = static_cast<std::size_t>(part.width) * channels;
  narrow_.resize(static_cast<std::size_t>(end_row - first_row) * row);
  for (int y = first_row; y < end_row; ++y) {
    std::uint16_t* to = narrow_.data() + static_cast<std::size_t>(y - first_row) * row;
    for (std::size_t x = 0; x < across_.first.size(); ++x, to += channels) {
      sums_.assign(channels, 0);
      const auto* weights = across_.weights.data() + x * static_cast<std::size_t>(across_.taps);
      const auto* from =
          in.samples + y * in.stride + std::ptrdiff_t{across_.first[x]} * in.channels;
      for (int t = 0; t < across_.count[x]; ++t, from += in.channels)
        add_weighted(from, weights[t], sums_);
      round_to(sums_, to);
    }
  }
  for (std::size_t y = 0; y < down_.first.size(); ++y, out += row) {
    sums_.assign(row, 0);
    const auto* weights = down_.weights.data() + y * static_cast<std::size_t>(down_.taps);
    const auto* from = narrow_.data() + static_cast<std::size_t>(down_.first[y] - first_row) * row;
    for (int t = 0; t < down_.count[y]; ++t, from += row) add_weighted(from, weights[t], sums_);
    round_to(sums_, out);
  }
}

}  // namespace ijepa
