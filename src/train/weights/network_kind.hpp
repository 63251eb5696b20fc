// What tells that the weights in a file are of another kind of network than I-JEPA's encoder and
// predictor, however many of their tensors would fit.
#pragma once
#include <vector>

#include "naming.hpp"

namespace ijepa {

/// An Error names what the network has that ours has not: a class token, LayerScale, SwiGLU, or any
/// other tensor inside its blocks or its patches' embedding.
void check_kind(const WeightFile& file, const std::vector<HeldGroup>& held);

/// "a, b, c, ... (17 in all)": the first names of what the file holds.
std::string first_names(const WeightFile& file);

}  // namespace ijepa
