// Shape and type checks of operands: a wrong call is an Error that names the operation and operand.
#pragma once
#include <initializer_list>
#include <limits>
#include <string_view>

#include "ijepa/core/pixel_type.hpp"
#include "ijepa/device/ops.hpp"

namespace ijepa::cpu {

/// An Error unless t has rows x cols elements (as a matrix of its last dimension).
inline void expect_matrix(std::string_view op, std::string_view name, const Tensor& t,
                          std::int64_t rows, std::int64_t cols) {
  check(t.rows() == rows && t.cols() == cols, "{}: {} is {}, but ({}, {}) is needed.", op, name,
        describe(t), rows, cols);
}

inline void expect_type(std::string_view op, std::string_view name, const Tensor& t, DType type) {
  check(t.dtype == type, "{}: {} is {}, but {} is needed.", op, name, describe(t), name_of(type));
}

inline void expect_vector(std::string_view op, std::string_view name, const Tensor& t, DType type,
                          std::int64_t count) {
  expect_type(op, name, t, type);
  check(t.numel() == count, "{}: {} is {}, but {} elements are needed.", op, name, describe(t),
        count);
}

inline void expect_same_size(std::string_view op, std::string_view name, const Tensor& t,
                             const Tensor& like) {
  check(t.numel() == like.numel(), "{}: {} is {}, but as many elements as {} are needed.", op, name,
        describe(t), describe(like));
}

/// Of a sum over uses: `rows` of all of them, `begin` of those of each of `count` rows.
inline void check_uses(std::string_view op, const Tensor& rows, const Tensor& begin,
                       std::int64_t count) {
  expect_type(op, "rows", rows, DType::i32);
  check(rows.numel() <= std::numeric_limits<std::int32_t>::max(),
        "{}: {} row indices are too many.", op, rows.numel());
  if (!begin.empty()) return expect_vector(op, "begin", begin, DType::i32, count + 1);
  check(count > 0 && rows.numel() % count == 0,
        "{}: {} row indices are no multiple of the {} rows of y.", op, rows.numel(), count);
}

/// The channels of images that patches are gathered from: of whole numbers (B, H, W, C), of the
/// type that pixel_type() says and with a mean and deviation each, or floating (B, C, H, W).
inline std::int64_t expect_images(std::string_view op, const Tensor& images, const PatchGrid& grid,
                                  const Normalisation& normalisation) {
  const bool whole = images.dtype > DType::bf16;
  const auto height = images.shape[whole ? 1 : 2], width = images.shape[whole ? 2 : 3];
  const auto channels = images.shape[whole ? 3 : 1];
  check(images.rank == 4 && channels >= 1 && channels <= most_channels &&
            height == grid.rows * grid.patch && width == grid.cols * grid.patch &&
            (!whole || images.dtype == pixel_type(channels)),
        "{}: images are {}, which does not fit a grid of {} x {} patches of {} pixels.", op,
        describe(images), grid.rows, grid.cols, grid.patch);
  check(!whole || (std::ssize(normalisation.mean) == channels &&
                   std::ssize(normalisation.std) == channels),
        "{}: images are {}, but there are {} means and {} deviations.", op, describe(images),
        normalisation.mean.size(), normalisation.std.size());
  return channels;
}

/// float64 operands go with float64 ones only: the kernels compute in one of two precisions.
inline void expect_same_width(std::string_view op, std::string_view name, const Tensor& t,
                              const Tensor& like) {
  check(t.dtype <= DType::bf16 && like.dtype <= DType::bf16 &&
            (t.dtype == DType::f64) == (like.dtype == DType::f64),
        "{}: {} is {}, which does not go with {}.", op, name, describe(t), describe(like));
}

}  // namespace ijepa::cpu
