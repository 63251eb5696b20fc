// Layout: which folders of an input are wrappers, splits (train, val, ...) and classes, decided
// from the folders alone, and where each path belongs by it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data_tools/layout/folder_tree.hpp"
#include "data_tools/pack_options.hpp"

namespace ijepa::tools {

struct Split {
  std::string name;             // "train", or "" for an input without splits
  std::string prefix;           // what its paths start with: "data/train/" or ""
  bool labelled = false;        // by the folders in it
  std::int64_t candidates = 0;  // files that may be images
  std::int64_t bytes = 0;       // of them
  bool twins = false;           // labels lie beside the images (TwinSource)
};

/// A folder of masks inside a class or a part of a set, left out.
struct Annotations {
  std::string prefix;  // "COVID/masks/"
  FileCount count;
};

struct Layout {
  std::vector<Split> splits;             // at least one
  std::vector<std::string> class_names;  // of all splits together; of folders in byte order
  std::vector<std::string> empty_classes;
  std::vector<Annotations> annotations;  // in byte order, none inside another
  std::vector<std::string> notes;        // sentences: how the folders were read
  std::vector<std::string> warnings;     // what may not be meant so

  struct Place {
    std::size_t split = 0;
    std::int32_t label = -1;
    std::string_view key;  // the path below the split: "cat/1.jpg"
  };
  /// nullopt: outside every split or class folder, in a folder of annotations, or a path that
  /// leads out of the input.
  std::optional<Place> place(std::string_view path) const;
  bool is_annotation(std::string_view path) const;
};

/// The layout of the input below the folder `choice.subdir`, for which the tree was counted.
/// docs/formats.md has the rules in a table. Error: no files, a folder of the choice that is not
/// there, or folders that can be read in two ways: which, and how to choose. `twin_classes`: what
/// labels beside images name.
Layout find_layout(const FolderTree& tree, const LayoutChoice& choice,
                   const std::vector<std::string>& twin_classes = {});

/// One line: the splits, the images of each class, what is left out and why.
std::string layout_text(const Layout& layout, const FolderTree& tree, const LayoutChoice& choice);

}  // namespace ijepa::tools
