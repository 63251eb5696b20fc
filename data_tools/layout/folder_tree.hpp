// FolderTree: what lies in each folder of an input, counted while its entries pass by. Memory grows
// with the folders, up to a limit, and not with the images.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "data_tools/sources/source.hpp"

namespace ijepa::tools {

/// Files in one folder, or in it and all below it.
struct FileCount {
  std::int64_t files = 0;   // but for hidden ones
  std::int64_t images = 0;  // of these, with the ending of an image
  std::int64_t photos = 0;  // of these, named as JPEG, in which nobody stores masks
  std::int64_t masks = 0;   // of these, named 1_mask.png, not in JPEG
  std::int64_t twins = 0;   // of these, what WebDataset puts beside an image: .cls, .json, .txt
  std::int64_t labels = 0;  // of these, .cls
  std::int64_t hidden = 0;  // with a hidden name, or anywhere below a hidden folder
  std::int64_t bytes = 0, hidden_bytes = 0;

  void operator+=(const FileCount& other);
};

struct Folder {
  using Folders = std::map<std::string, Folder, std::less<>>;

  FileCount own, all;       // directly in it; with everything below
  bool is_archive = false;  // a tar that is read as a folder
  Folders folders;          // not the hidden ones

  const Folder& at(std::string_view name) const { return folders.find(name)->second; }
  const Folder* find(std::string_view path) const;  // below this one; nullptr: none
};

class FolderTree {
 public:
  /// Counts only what lies below the folder `subdir`, "" for all, as if it were the whole input.
  explicit FolderTree(std::string subdir = "", std::size_t max_folders = std::size_t{1} << 18);

  void add(const SourceEntry& entry);
  /// After the last add(): sums up.
  const Folder& finish();
  const Folder& root() const { return root_; }
  /// Files whose path leads out of the input; they count nowhere else.
  std::int64_t leading_out() const { return leading_out_; }

 private:
  Folder& folder_of(std::string_view path, bool& hidden);
  void fold();

  std::string subdir_;  // "a/b/" or ""
  std::size_t max_folders_, folders_ = 0;
  std::size_t max_depth_ = 64;  // what lies deeper counts for the folder above
  std::string last_path_;       // files of one folder follow each other
  Folder* last_ = nullptr;
  bool last_hidden_ = false;
  std::int64_t leading_out_ = 0;
  Folder root_;
};

}  // namespace ijepa::tools
