// Position tables that are not the fixed ones: those of weights in which they were trained or
// resized. A model is built with the fixed ones; these take their place in its store.
#pragma once
#include <vector>

#include "ijepa/device/ops.hpp"
#include "ijepa/model/grid.hpp"
#include "ijepa/nn/param_store.hpp"

namespace ijepa {

struct PositionTables {
  Grid grid;                               // of both
  std::vector<double> encoder, predictor;  // (N, D) and (N, P), row-major; empty: the fixed one

  bool fixed() const { return encoder.empty() && predictor.empty(); }
};

/// The fixed table of a grid where `own` is empty, rounded to float32, else `own`.
std::vector<double> table_or_fixed(const std::vector<double>& own, Grid grid, std::int64_t width);

/// The table for another grid, by resize_positions(), rounded to float32 as checkpoints keep it;
/// `own` as it is for the same grid.
std::vector<double> table_for_grid(const std::vector<double>& own, Grid from, std::int64_t width,
                                   Grid to);

/// Overwrites the tables of a store, whose layout holds an encoder, or an encoder and a predictor,
/// as their constants. An Error when one is of another size. Waits for the device.
void set_positions(Ops& ops, const ParamStore& store, const PositionTables& tables);

}  // namespace ijepa
