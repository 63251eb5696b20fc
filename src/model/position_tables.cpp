#include "ijepa/model/position_tables.hpp"

#include "ijepa/core/error.hpp"
#include "ijepa/device/host_values.hpp"
#include "ijepa/device/parameter_chunk.hpp"
#include "ijepa/model/positions.hpp"

namespace ijepa {
namespace {

void set(Ops& ops, const ParamStore& store, std::int64_t offset, const std::vector<double>& table) {
  const auto size = std::ssize(table);
  check(offset + padded_to_chunk(size) <= std::ssize(store.layout().constants()),
        "A position table of {} numbers is not one of this model.", size);
  const DType type = store.precision().param;
  auto* base = static_cast<std::byte*>(store.online().constants);
  upload_values(ops, table,
                make_tensor(base + static_cast<std::size_t>(offset) * size_of(type), type, {size}));
}

}  // namespace

std::vector<double> table_or_fixed(const std::vector<double>& own, Grid grid, std::int64_t width) {
  return own.empty() ? stored_positions(grid, width) : own;
}

std::vector<double> table_for_grid(const std::vector<double>& own, Grid from, std::int64_t width,
                                   Grid to) {
  if (from.rows == to.rows && from.cols == to.cols) return own;
  auto table = resize_positions(table_or_fixed(own, from, width), from, width, to);
  for (double& value : table) value = static_cast<float>(value);
  return table;
}

void set_positions(Ops& ops, const ParamStore& store, const PositionTables& tables) {
  if (!tables.encoder.empty()) set(ops, store, 0, tables.encoder);
  if (!tables.predictor.empty()) {
    // Constants lie one after the other, each padded as ParamLayout::constant() does.
    const auto first =
        std::ssize(store.layout().constants()) - padded_to_chunk(std::ssize(tables.predictor));
    check(first > 0, "A position table of a predictor was given to a model without one.");
    set(ops, store, first, tables.predictor);
  }
  ops.synchronize();
}

}  // namespace ijepa
