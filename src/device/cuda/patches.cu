// Patches of images as rows, normalised on the way.
#include "../cpu/checks.hpp"
#include "cuda_ops.hpp"
#include "dispatch.hpp"

namespace ijepa::cuda {
namespace {

/// value * scale + shift by channel: normalisation of whole numbers. It travels with the launch,
/// whose arguments have room for 4 KiB.
template <int channels>
struct Affine {
  float scale[channels], shift[channels];
};

template <int channels>
Affine<channels> affine_of(const Normalisation& n, double largest) {
  Affine<channels> a{};
  for (std::size_t c = 0; c < n.mean.size(); ++c) {
    a.scale[c] = static_cast<float>(1 / (largest * n.std[c]));
    a.shift[c] = static_cast<float>(-n.mean[c] / n.std[c]);
  }
  return a;
}

/// Images of type X to rows y in (channel, y, x) order. Whole numbers are (B, H, W, C), floats
/// (B, C, H, W).
template <class X, class Y>
struct TakePatches {
  static constexpr bool whole = std::is_integral_v<X>, bytes = std::is_same_v<X, std::uint8_t>;
  static constexpr int room = bytes ? 3 : whole ? static_cast<int>(most_channels) : 1;
  const X* images;
  const std::int32_t* rows;  // null: row i is token i
  Y* y;
  int grid_rows, grid_cols, patch, channels;
  Affine<room> normalise;

  __device__ float pixel(std::int64_t image, int channel, int row, int col) const {
    const std::int64_t height = grid_rows * patch, width = grid_cols * patch;
    if constexpr (whole) {
      const float value = images[((image * height + row) * width + col) * channels + channel];
      return value * normalise.scale[channel] + normalise.shift[channel];
    } else {
      return to_float(images[((image * channels + channel) * height + row) * width + col]);
    }
  }

  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    const int area = patch * patch, tokens = grid_rows * grid_cols;
    const int token = rows != nullptr ? rows[row] : static_cast<int>(row);
    const int image = token / tokens, place = token % tokens;
    const int top = place / grid_cols * patch, left = place % grid_cols * patch;
    Floats<W> v;
#pragma unroll
    for (int j = 0; j < W; ++j) {
      const int at = static_cast<int>(col) + j, within = at % area;
      v[j] = pixel(image, at / area, top + within / patch, left + within % patch);
    }
    store<W>(y + row * channels * area + col, v);
  }
};

}  // namespace

void CudaOps::gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                             Tensor rows, Tensor y) {
  const auto channels = cpu::expect_images("gather_patches", images, grid, normalisation);
  const auto count = rows.empty() ? images.shape[0] * grid.tokens() : rows.numel();
  const auto cols = channels * grid.patch * grid.patch;
  cpu::expect_matrix("gather_patches", "y", y, count, cols);
  const auto* index = optional<std::int32_t>(rows);
  const auto take = [&]<class X, class Y>(const X* xs, Y* ys) {
    using Take = TakePatches<X, Y>;
    const auto affine = Take::whole
                            ? affine_of<Take::room>(normalisation, Take::bytes ? 255 : 65535)
                            : Affine<Take::room>{};
    run_rows(stream_, count, cols,
             Take{xs, index, ys, static_cast<int>(grid.rows), static_cast<int>(grid.cols),
                  static_cast<int>(grid.patch), static_cast<int>(channels), affine},
             y);
  };
  if (images.dtype == DType::u8)
    on_types([&](auto* ys) { take(images.as<std::uint8_t>(), ys); }, y);
  else if (images.dtype == DType::u16)
    on_types([&](auto* ys) { take(images.as<std::uint16_t>(), ys); }, y);
  else
    on_types([&](const auto* xs, auto* ys) { take(xs, ys); }, images, y);
}

}  // namespace ijepa::cuda
