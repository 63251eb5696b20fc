// The search for the folders that are splits, past whatever single folders lie around them.
#pragma once
#include <string>
#include <vector>

#include "data_tools/layout/folder_tree.hpp"
#include "data_tools/pack_options.hpp"

namespace ijepa::tools {

struct FoundSplit {
  std::string name;    // "" for an input without splits
  std::string prefix;  // below the root: "data/train/" or ""
  const Folder* folder = nullptr;
};

/// At least one. Error: folders that can be read in two ways, a named folder that is not there.
std::vector<FoundSplit> find_splits(const Folder& root, const LayoutChoice& choice);

/// What a message says about options, after the reason.
extern const char* const ways_to_choose;

}  // namespace ijepa::tools
