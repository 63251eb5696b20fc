// Second thoughts about classes that were found: levels, splits below them, names that look alike.
#pragma once
#include <string>
#include <vector>

#include "data_tools/layout/layout.hpp"
#include "data_tools/layout/split_search.hpp"

namespace ijepa::tools {

/// `classes`: by split, empty without labels. Appends to the layout's notes and warnings. Error:
/// labels that would be wrong, and how to choose others.
void check_classes(const std::vector<FoundSplit>& splits,
                   const std::vector<std::vector<std::string>>& classes, const LayoutChoice& choice,
                   Layout& layout);

}  // namespace ijepa::tools
