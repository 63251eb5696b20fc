#include "ijepa/data/resize_row.hpp"

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

}  // namespace ijepa
