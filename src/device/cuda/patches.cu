// Patches of images as rows, normalised on the way.
#include "../cpu/checks.hpp"
#include "cuda_ops.hpp"
#include "dispatch.hpp"

namespace ijepa::cuda {
namespace {

/// value * scale + shift by channel: normalisation of bytes, or the identity.
struct Affine {
  float scale[3], shift[3];
};

Affine affine_of(const Normalisation& n) {
  Affine a{};
  for (std::size_t c = 0; c < 3; ++c) {
    a.scale[c] = static_cast<float>(1 / (255 * n.std[c]));
    a.shift[c] = static_cast<float>(-n.mean[c] / n.std[c]);
  }
  return a;
}

/// Images of type X to rows y in (channel, y, x) order. Bytes are (B, H, W, 3), floats (B, 3, H,
/// W).
template <class X, class Y>
struct TakePatches {
  static constexpr bool bytes = std::is_same_v<X, std::uint8_t>;
  const X* images;
  const std::int32_t* rows;  // null: row i is token i
  Y* y;
  int grid_rows, grid_cols, patch;
  Affine normalise;

  __device__ float pixel(std::int64_t image, int channel, int row, int col) const {
    const std::int64_t height = grid_rows * patch, width = grid_cols * patch;
    if constexpr (bytes) {
      const float value = images[((image * height + row) * width + col) * 3 + channel];
      return value * normalise.scale[channel] + normalise.shift[channel];
    } else {
      return to_float(images[((image * 3 + channel) * height + row) * width + col]);
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
    store<W>(y + row * 3 * area + col, v);
  }
};

void check_images(const Tensor& images, const PatchGrid& grid) {
  const bool bytes = images.dtype == DType::u8;
  const auto height = bytes ? images.shape[1] : images.shape[2];
  const auto width = bytes ? images.shape[2] : images.shape[3];
  const auto channels = bytes ? images.shape[3] : images.shape[1];
  check(images.rank == 4 && channels == 3 && height == grid.rows * grid.patch &&
            width == grid.cols * grid.patch,
        "gather_patches: images are {}, which does not fit a grid of {} x {} patches of {} pixels.",
        describe(images), grid.rows, grid.cols, grid.patch);
}

}  // namespace

void CudaOps::gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                             Tensor rows, Tensor y) {
  check_images(images, grid);
  const auto count = rows.empty() ? images.shape[0] * grid.tokens() : rows.numel();
  const auto cols = 3 * grid.patch * grid.patch;
  cpu::expect_matrix("gather_patches", "y", y, count, cols);
  const auto* index = optional<std::int32_t>(rows);
  const auto take = [&]<class X, class Y>(const X* xs, Y* ys) {
    run_rows(
        stream_, count, cols,
        TakePatches<X, Y>{xs, index, ys, static_cast<int>(grid.rows), static_cast<int>(grid.cols),
                          static_cast<int>(grid.patch), affine_of(normalisation)},
        y);
  };
  if (images.dtype == DType::u8)
    on_types([&](auto* ys) { take(images.as<std::uint8_t>(), ys); }, y);
  else
    on_types([&](const auto* xs, auto* ys) { take(xs, ys); }, images, y);
}

}  // namespace ijepa::cuda
