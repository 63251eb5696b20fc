// PCA picture: what the features of patches have in common, as colours: their first three principal
// components over all pictures shown are red, green and blue.
#pragma once
#include <string>
#include <vector>

#include "ijepa/core/matrix.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/model/grid.hpp"

namespace ijepa {

/// Tokens (T, D) to colours (T, 3) in 0..1: each component from its 2nd to its 98th percentile. The
/// sign of a component is such that its largest weight is positive.
Matrix<float> pca_colours(const Matrix<float>& tokens);

/// A row a picture: the picture, above its name, and its patches in the colours of their features.
/// `tokens` (pictures N, D), N = grid.tokens(). Pictures have one size; `names` may be empty.
Image pca_sheet(const std::vector<Image>& pictures, const std::vector<std::string>& names,
                const Matrix<float>& tokens, Grid grid);

}  // namespace ijepa
