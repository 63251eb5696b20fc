// Rows of token tensors: gathers, scatters and position tables.
#include <vector>

#include "checks.hpp"
#include "cpu_ops.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

constexpr std::int64_t row_grain = 16;
/// Rows a partial column sum covers; fixed, so that sums do not depend on the number of threads.
constexpr std::int64_t sum_block = 128;

const std::int32_t* row_indices(std::string_view op, const Tensor& rows, std::int64_t count) {
  if (rows.empty()) return nullptr;
  expect_vector(op, "rows", rows, DType::i32, count);
  return rows.as<std::int32_t>();
}

/// Where a patch starts: image number and pixel of its upper left corner.
struct Corner {
  std::int64_t image, y, x;
};

Corner corner_of(const PatchGrid& grid, std::int64_t token) {
  const auto patch = token % grid.tokens();
  return {token / grid.tokens(), patch / grid.cols * grid.patch, patch % grid.cols * grid.patch};
}

/// The normalised value of every byte, by channel.
template <class C>
using ByteTable = std::array<std::array<C, 256>, 3>;

template <class C, class Y>
void take_patch(const std::uint8_t* images, const PatchGrid& grid, Corner at,
                const ByteTable<C>& values, Y* y) {
  const auto height = grid.rows * grid.patch, width = grid.cols * grid.patch;
  for (std::int64_t c = 0; c < 3; ++c)
    for (std::int64_t v = 0; v < grid.patch; ++v) {
      const auto* row = images + ((at.image * height + at.y + v) * width + at.x) * 3 + c;
      for (std::int64_t u = 0; u < grid.patch; ++u)
        *y++ = convert<Y>(values[static_cast<std::size_t>(c)][row[u * 3]]);
    }
}

/// Of one channel: sample * scale + shift.
struct SampleScale {
  double scale, shift;
};

template <class Y>
void take_patch(const std::uint16_t* images, const PatchGrid& grid, Corner at,
                const std::vector<SampleScale>& scales, Y* y) {
  const auto height = grid.rows * grid.patch, width = grid.cols * grid.patch;
  const auto channels = std::ssize(scales);
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto [scale, shift] = scales[static_cast<std::size_t>(c)];
    for (std::int64_t v = 0; v < grid.patch; ++v) {
      const auto* row = images + ((at.image * height + at.y + v) * width + at.x) * channels + c;
      for (std::int64_t u = 0; u < grid.patch; ++u)
        *y++ = convert<Y>(static_cast<Wide<Y>>(row[u * channels] * scale + shift));
    }
  }
}

template <class X, class Y>
void take_patch(const X* images, const PatchGrid& grid, Corner at, std::int64_t channels, Y* y) {
  const auto height = grid.rows * grid.patch, width = grid.cols * grid.patch;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t v = 0; v < grid.patch; ++v) {
      const auto* row = images + ((at.image * channels + c) * height + at.y + v) * width + at.x;
      for (std::int64_t u = 0; u < grid.patch; ++u) *y++ = convert<Y>(row[u]);
    }
}

template <class C>
ByteTable<C> normalised_values(const Normalisation& normalisation) {
  ByteTable<C> values{};
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t v = 0; v < 256; ++v)
      values[c][v] = static_cast<C>((static_cast<double>(v) / 255.0 - normalisation.mean[c]) /
                                    normalisation.std[c]);
  return values;
}

std::vector<SampleScale> sample_scales(const Normalisation& n) {
  std::vector<SampleScale> scales;
  for (std::size_t c = 0; c < n.mean.size(); ++c)
    scales.push_back({1 / (65535.0 * n.std[c]), -n.mean[c] / n.std[c]});
  return scales;
}

/// The first row whose uses begin at `use` or later; past the last use, the number of rows.
template <class F>
std::int64_t row_of_use(const F& first_use, std::int64_t rows, std::int64_t uses,
                        std::int64_t use) {
  if (use == uses) return rows;
  std::int64_t low = 0;
  while (low < rows) {
    const auto middle = low + (rows - low) / 2;
    if (first_use(middle) < use) {
      low = middle + 1;
    } else {
      rows = middle;
    }
  }
  return low;
}

}  // namespace

void CpuOps::gather_patches(Tensor images, PatchGrid grid, const Normalisation& normalisation,
                            Tensor rows, Tensor y) {
  const auto channels = expect_images("gather_patches", images, grid, normalisation);
  const auto count = rows.empty() ? images.shape[0] * grid.tokens() : rows.numel();
  const auto cols = channels * grid.patch * grid.patch;
  const auto* index = row_indices("gather_patches", rows, count);
  expect_matrix("gather_patches", "y", y, count, cols);
  const auto each_row = [&](auto&& take) {
    parallel_for(threads_, count, row_grain, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) take(corner_of(grid, index != nullptr ? index[i] : i), i);
    });
  };
  if (images.dtype == DType::u8) {
    on_floats(
        [&]<class Y>(Y* ys) {
          const auto values = normalised_values<Wide<Y>>(normalisation);
          each_row([&](Corner at, std::int64_t i) {
            take_patch(images.as<std::uint8_t>(), grid, at, values, ys + i * cols);
          });
        },
        y);
  } else if (images.dtype == DType::u16) {
    const auto scales = sample_scales(normalisation);
    on_floats(
        [&](auto* ys) {
          each_row([&](Corner at, std::int64_t i) {
            take_patch(images.as<std::uint16_t>(), grid, at, scales, ys + i * cols);
          });
        },
        y);
  } else {
    on_floats(
        [&](const auto* xs, auto* ys) {
          each_row([&](Corner at, std::int64_t i) {
            take_patch(xs, grid, at, channels, ys + i * cols);
          });
        },
        images, y);
  }
}

void CpuOps::add_table_rows(Tensor x_inout, Tensor table, Tensor rows) {
  const auto count = x_inout.rows(), cols = x_inout.cols(), period = table.rows();
  expect_matrix("add_table_rows", "table", table, period, cols);
  const auto* index = row_indices("add_table_rows", rows, count);
  on_floats(
      [&]<class X, class T>(X* xs, T* ts) {
        parallel_for(threads_, count, row_grain, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i) {
            const T* row = ts + (index != nullptr ? index[i] : i) % period * cols;
            for (std::int64_t j = 0; j < cols; ++j)
              xs[i * cols + j] =
                  convert<X>(convert<Wide<X, T>>(xs[i * cols + j]) + convert<Wide<X, T>>(row[j]));
          }
        });
      },
      x_inout, table);
}

void CpuOps::gather_rows(Tensor x, Tensor rows, Tensor y) {
  const auto cols = x.cols();
  expect_matrix("gather_rows", "y", y, rows.numel(), cols);
  const auto* index = row_indices("gather_rows", rows, y.rows());
  on_floats(
      [&]<class X, class Y>(X* xs, Y* ys) {
        parallel_for(threads_, y.rows(), row_grain, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i)
            for (std::int64_t j = 0; j < cols; ++j)
              ys[i * cols + j] = convert<Y>(xs[index[i] * cols + j]);
        });
      },
      x, y);
}

void CpuOps::scatter_rows(Tensor x, Tensor rows, Tensor y) {
  const auto cols = x.cols();
  expect_matrix("scatter_rows", "y", y, y.rows(), cols);
  const auto* index = row_indices("scatter_rows", rows, x.rows());
  check(index != nullptr || x.rows() == 0, "scatter_rows: rows are missing.");
  fill_zero(y);
  on_floats(
      [&]<class X, class Y>(X* xs, Y* ys) {
        parallel_for(threads_, x.rows(), row_grain, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i)
            for (std::int64_t j = 0; j < cols; ++j)
              ys[index[i] * cols + j] = convert<Y>(xs[i * cols + j]);
        });
      },
      x, y);
}

void CpuOps::scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout) {
  const auto cols = x.cols();
  expect_matrix("scatter_add_rows", "y", y_inout, y_inout.rows(), cols);
  const auto* index = row_indices("scatter_add_rows", rows, x.rows());
  check(index != nullptr || x.rows() == 0, "scatter_add_rows: rows are missing.");
  on_floats(
      [&]<class X, class Y>(X* xs, Y* ys) {
        using W = Wide<X, Y>;
        parallel_for(threads_, x.rows(), row_grain, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i) {
            Y* row = ys + index[i] * cols;
            for (std::int64_t j = 0; j < cols; ++j)
              row[j] = convert<Y>(convert<W>(row[j]) + convert<W>(xs[i * cols + j]));
          }
        });
      },
      x, y_inout);
}

void CpuOps::gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y) {
  constexpr auto op = "gather_sum_rows";
  const auto cols = x.cols(), count = y.rows(), uses = rows.numel();
  expect_matrix(op, "y", y, count, cols);
  check_uses(op, rows, begin, count);
  const auto* index = rows.as<std::int32_t>();
  const auto first_use = [&, first = optional<std::int32_t>(begin)](std::int64_t i) {
    return first != nullptr ? first[i] : uses / count * i;
  };
  on_floats(
      [&]<class X, class Y>(X* xs, Y* ys) {
        using W = Wide<X, Y>;
        // Rows are summed where their first use lies, so that pieces have equal numbers of uses.
        parallel_for(threads_, uses, row_grain, [&](std::int64_t from, std::int64_t to) {
          std::vector<W> sum(static_cast<std::size_t>(cols));
          const auto last = row_of_use(first_use, count, uses, to);
          for (auto i = row_of_use(first_use, count, uses, from); i < last; ++i) {
            std::fill(sum.begin(), sum.end(), W(0));
            for (std::int64_t u = first_use(i); u < first_use(i + 1); ++u) {
              const X* row = xs + index[u] * cols;
              for (std::int64_t j = 0; j < cols; ++j)
                sum[static_cast<std::size_t>(j)] += convert<W>(row[j]);
            }
            for (std::int64_t j = 0; j < cols; ++j)
              ys[i * cols + j] = convert<Y>(sum[static_cast<std::size_t>(j)]);
          }
        });
      },
      x, y);
}

void CpuOps::gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows, Tensor y) {
  constexpr auto op = "gather_rows_or_token";
  const auto cols = y.cols();
  expect_matrix(op, "x", x, x.rows(), cols);
  expect_matrix(op, "table", table, table.rows(), cols);
  expect_vector(op, "token", token, token.dtype, cols);
  expect_type(op, "table", table, token.dtype);
  const auto* index = row_indices(op, rows, y.rows());
  on_floats(
      [&]<class X, class T, class Y>(X* xs, T* tokens, Y* ys) {
        const T* tables = table.as<T>();
        parallel_for(threads_, y.rows(), row_grain, [&](std::int64_t begin, std::int64_t end) {
          for (auto i = begin; i < end; ++i) {
            const std::int64_t r = index[i];
            Y* out = ys + i * cols;
            for (std::int64_t j = 0; j < cols; ++j)
              out[j] = r >= 0 ? convert<Y>(xs[r * cols + j])
                              : convert<Y>(convert<Wide<T>>(tokens[j]) +
                                           convert<Wide<T>>(tables[(-1 - r) * cols + j]));
          }
        });
      },
      x, token, y);
}

void CpuOps::sum_rows(Tensor x, Tensor rows, Tensor y, Write mode) {
  const auto cols = x.cols(), count = rows.empty() ? x.rows() : rows.numel();
  expect_vector("sum_rows", "y", y, parameter_type(x.dtype), cols);
  const auto* index = row_indices("sum_rows", rows, count);
  const auto blocks = (count + sum_block - 1) / sum_block;
  on_parameters(y, [&]<class S>(S* ys) {
    S* partial = scratch<S>(3, blocks * cols);
    parallel_for(threads_, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto b = begin; b < end; ++b)
        kernels_.sum_rows(x, index, {b * sum_block, std::min(count, (b + 1) * sum_block)},
                          partial + b * cols);
    });
    if (mode == Write::overwrite) std::fill_n(ys, cols, S(0));
    for (std::int64_t b = 0; b < blocks; ++b)
      for (std::int64_t j = 0; j < cols; ++j) ys[j] += partial[b * cols + j];
  });
}

}  // namespace ijepa::cpu
