#include "ijepa/model/positions.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// features (half): [sin(position w), cos(position w)].
void encode(std::int64_t position, std::span<double> features) {
  const std::size_t count = features.size() / 2;
  for (std::size_t i = 0; i < count; ++i) {
    const double exponent = static_cast<double>(i) / static_cast<double>(count);
    const double angle = static_cast<double>(position) / std::pow(10000.0, exponent);
    features[i] = std::sin(angle);
    features[count + i] = std::cos(angle);
  }
}

/// The four source cells of one output cell along one axis.
struct Taps {
  std::array<std::int64_t, 4> index;
  std::array<double, 4> weight;
};

/// Keys' kernel with a = -0.75 at distance x >= 0.
double cubic_kernel(double x) {
  constexpr double a = -0.75;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

std::vector<Taps> taps_of(std::int64_t from, std::int64_t to) {
  std::vector<Taps> all(static_cast<std::size_t>(to));
  const double step = static_cast<double>(from) / static_cast<double>(to);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * step - 0.5;
    const double floor = std::floor(centre);
    for (std::size_t tap = 0; tap < 4; ++tap) {
      const double source = floor + static_cast<double>(tap) - 1;
      all[i].index[tap] = std::clamp<std::int64_t>(static_cast<std::int64_t>(source), 0, from - 1);
      all[i].weight[tap] = cubic_kernel(std::abs(centre - source));
    }
  }
  return all;
}

void check_grid(Grid grid) {
  check(grid.rows > 0 && grid.cols > 0, "A position table needs a grid, not {} x {}.", grid.rows,
        grid.cols);
}

}  // namespace

std::vector<double> sincos_positions(Grid grid, std::int64_t width) {
  check_grid(grid);
  check(width > 0 && width % 4 == 0,
        "Sine/cosine positions need a width that is a multiple of 4, not {}.", width);
  std::vector<double> table(static_cast<std::size_t>(grid.tokens() * width));
  const auto half = static_cast<std::size_t>(width / 2);
  std::span<double> rest = table;
  for (std::int64_t row = 0; row < grid.rows; ++row) {
    for (std::int64_t col = 0; col < grid.cols; ++col) {
      encode(col, rest.first(half));
      encode(row, rest.subspan(half, half));
      rest = rest.subspan(2 * half);
    }
  }
  return table;
}

std::vector<double> stored_positions(Grid grid, std::int64_t width) {
  std::vector<double> table = sincos_positions(grid, width);
  for (double& value : table) value = static_cast<double>(static_cast<float>(value));
  return table;
}

std::vector<double> resize_positions(std::span<const double> table, Grid from, std::int64_t width,
                                     Grid to) {
  check_grid(from);
  check_grid(to);
  check(width > 0 && static_cast<std::int64_t>(table.size()) == from.tokens() * width,
        "A position table of {} numbers is not one of a {} x {} grid and width {}.", table.size(),
        from.rows, from.cols, width);
  const auto rows = taps_of(from.rows, to.rows), cols = taps_of(from.cols, to.cols);
  std::vector<double> resized;
  resized.reserve(static_cast<std::size_t>(to.tokens() * width));
  std::vector<double> token(static_cast<std::size_t>(width));
  for (const auto& row : rows) {
    for (const auto& col : cols) {
      std::fill(token.begin(), token.end(), 0.0);
      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < 4; ++j) {
          const double weight = row.weight[i] * col.weight[j];
          const auto source = table.subspan(
              static_cast<std::size_t>((row.index[i] * from.cols + col.index[j]) * width),
              token.size());
          for (std::size_t d = 0; d < token.size(); ++d) token[d] += weight * source[d];
        }
      }
      resized.insert(resized.end(), token.begin(), token.end());
    }
  }
  return resized;
}

}  // namespace ijepa
