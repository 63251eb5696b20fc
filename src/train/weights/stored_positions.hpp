// Position tables in weight files. The fixed one is computed and not taken from the file; one that
// was trained, or resized, is used as it is stored.
#pragma once
#include <string>

#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "naming.hpp"

namespace ijepa {

/// The tables that are not the fixed ones of the recipe's models. An Error when a table has another
/// shape, is the fixed one of another grid, holds NaN, or when two encoders have different ones.
PositionTables positions_in(WeightFile& file, const PretrainRecipe& recipe);

/// "fixed sine and cosine table", or that the stored one is used and how far it is from that.
std::string positions_text(const PositionTables& tables, const PretrainRecipe& recipe);

}  // namespace ijepa
