#include "stored_positions.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"
#include "ijepa/model/positions.hpp"

namespace ijepa {
namespace {

/// How far a stored table may be from the one that was computed: half a step of the type below 1,
/// and the rounding of other programs' sines.
double tolerance_of(Element element) {
  constexpr double computed = 1e-4;
  if (element == Element::f16) return computed + 0x1p-12;
  if (element == Element::bf16) return computed + 0x1p-9;
  return computed;
}

double distance(std::span<const double> a, std::span<const double> b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

/// A table in a file, wherever else it fits.
class StoredTable {
 public:
  StoredTable(WeightFile& file, const FileTensor& tensor, Grid grid, std::int64_t width)
      : path_(file.path()), tensor_(tensor), grid_(grid), width_(width) {
    check(tensor.shape == std::vector<std::int64_t>{1, grid.tokens(), width},
          "{} in {} is {}, but the model needs (1, {}, {}).", tensor.name, path_, describe(tensor),
          grid.tokens(), width);
    std::vector<float> stored(static_cast<std::size_t>(grid.tokens() * width));
    read_as_float(file, tensor, stored);
    check(std::ranges::all_of(stored, [](float v) { return std::isfinite(v); }),
          "{} in {} holds NaN or infinity.", tensor.name, path_);
    values_.assign(stored.begin(), stored.end());
  }

  /// Empty when it is the fixed one.
  std::vector<double> own() const {
    if (is_fixed_of(grid_)) return {};
    for (std::int64_t rows = 1; rows <= grid_.tokens(); ++rows) {
      const Grid other{rows, grid_.tokens() / rows};
      check(other.tokens() != grid_.tokens() || !is_fixed_of(other),
            "{} in {} is the fixed table of a grid of {} x {} patches, not of {} x {}: give the "
            "image "
            "size of that grid.",
            tensor_.name, path_, other.rows, other.cols, grid_.rows, grid_.cols);
    }
    return values_;
  }
  double tolerance() const { return tolerance_of(tensor_.element); }

 private:
  bool is_fixed_of(Grid grid) const {
    return width_ % 4 == 0 && distance(values_, sincos_positions(grid, width_)) < tolerance();
  }

  const std::string& path_;
  const FileTensor& tensor_;
  Grid grid_;
  std::int64_t width_;
  std::vector<double> values_;
};

std::string table_text(const char* of, const std::vector<double>& own, Grid grid,
                       std::int64_t width) {
  return fmt::format(
      "{}: as stored, not the fixed sine and cosine table (largest difference {:.2g})", of,
      distance(own, stored_positions(grid, width)));
}

}  // namespace

PositionTables positions_in(WeightFile& file, const PretrainRecipe& recipe) {
  const auto& [encoder, predictor] = recipe.model;
  PositionTables tables{{encoder.grid_rows(), encoder.grid_cols()}, {}, {}};
  bool first = true;
  for (const auto& [group, naming] : held_groups(file)) {
    const FileTensor* tensor = file.find(naming.positions(group));
    if (tensor == nullptr) continue;
    const bool of_predictor = group == "predictor";
    const StoredTable table(file, *tensor, tables.grid,
                            of_predictor ? predictor.width : encoder.width);
    auto own = table.own();
    if (of_predictor) {
      tables.predictor = std::move(own);
      continue;
    }
    const bool same =
        own.size() == tables.encoder.size() && distance(own, tables.encoder) <= table.tolerance();
    check(first || same,
          "{} holds two encoders with different position tables that are not the fixed one: save "
          "the one that is meant alone.",
          file.path());
    if (first) tables.encoder = std::move(own);
    first = false;
  }
  return tables;
}

std::string positions_text(const PositionTables& tables, const PretrainRecipe& recipe) {
  const auto& [encoder, predictor] = recipe.model;
  std::vector<std::string> texts;
  if (!tables.encoder.empty())
    texts.push_back(table_text("encoder", tables.encoder, tables.grid, encoder.width));
  if (!tables.predictor.empty())
    texts.push_back(table_text("predictor", tables.predictor, tables.grid, predictor.width));
  return texts.empty() ? "fixed sine and cosine table" : fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace ijepa
