#include "data_tools/source.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "data_tools/archive_source.hpp"
#include "data_tools/file_kind.hpp"
#include "data_tools/folder_source.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa::tools {
namespace {

constexpr std::array archive_endings{".tar",  ".tar.gz", ".tgz", ".tar.bz2",
                                     ".tbz2", ".tar.xz", ".txz", ".tar.zst"};

std::size_t archive_ending_length(const std::string& path) {
  std::size_t longest = 0;
  for (const std::string ending : archive_endings)
    if (path.size() > ending.size() && path.ends_with(ending))
      longest = std::max(longest, ending.size());
  return longest;
}

}  // namespace

bool has_archive_name(const std::string& path) {
  return archive_ending_length(path) > 0;
}

std::string without_archive_name(const std::string& path) {
  return path.substr(0, path.size() - archive_ending_length(path));
}

std::unique_ptr<Source> open_source(const std::string& path) {
  check(std::filesystem::exists(path), "There is no input at {}.", path);
  if (std::filesystem::is_directory(path)) return std::make_unique<FolderSource>(path);
  if (const std::string kind = kind_of_file(path); !kind.empty())
    fail("{} is {}; a folder, tar or zip of images is expected.", path, kind);
  return std::make_unique<ArchiveSource>(path);
}

}  // namespace ijepa::tools
