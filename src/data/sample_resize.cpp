#include "ijepa/data/sample_resize.hpp"

#include <algorithm>

namespace ijepa {
namespace {

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
