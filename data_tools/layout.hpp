// Layout: which folders of an input are wrappers, splits (train, val, ...) and classes, decided
// from the folders alone, and where each path belongs by it.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ijepa::tools {

/// What lies directly in, or anywhere below, one folder.
struct FolderCount {
  std::int64_t files = 0;
  std::int64_t images = 0;  // files with the ending of a JPEG or PNG
  std::int64_t bytes = 0;
};

/// Files by folder, cut at three levels (wrapper/split/class): a deeper file counts for the third.
/// "" is the input itself. Memory grows with the number of folders, not of images.
class FolderCounts {
 public:
  void add_file(std::string_view path, std::int64_t bytes);
  void add_folder(std::string_view path);
  const std::map<std::string, FolderCount, std::less<>>& all() const { return counts_; }

 private:
  std::map<std::string, FolderCount, std::less<>> counts_;
};

struct Split {
  std::string name;    // "train", or "" for an input without splits
  std::string prefix;  // what its paths start with: "data/train/" or ""
  bool labelled = false;
  std::int64_t candidates = 0;  // files that may be images
  std::int64_t bytes = 0;       // of them
};

struct Layout {
  std::vector<Split> splits;             // at least one
  std::vector<std::string> class_names;  // of all splits together, in byte order
  std::vector<std::string> empty_classes;

  struct Place {
    std::size_t split = 0;
    std::int32_t label = -1;
    std::string_view key;  // the path below the split: "cat/1.jpg"
  };
  /// nullopt: outside every split or class folder.
  std::optional<Place> place(std::string_view path) const;
};

/// The layout of the input below the folder `subdir` ("" for all). One folder around everything is
/// passed over; folders named like splits become splits; the folders of a split are its classes
/// (images directly in a split without folders have no label). Error: no files, or split folders
/// beside others that hold images.
Layout find_layout(const FolderCounts& counts, const std::string& subdir);

}  // namespace ijepa::tools
