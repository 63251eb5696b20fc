#include "data_tools/source.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "data_tools/archive_source.hpp"
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

/// Bytes of the UTF-8 character that `text` starts with, 0 if it starts with none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80                       ? 1
                             : byte(0) >= 0xC2 && byte(0) < 0xE0  ? 2
                             : byte(0) >= 0xE0 && byte(0) < 0xF0  ? 3
                             : byte(0) >= 0xF0 && byte(0) <= 0xF4 ? 4
                                                                  : 0;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

bool has_archive_name(const std::string& path) {
  return archive_ending_length(path) > 0;
}

std::string without_archive_name(const std::string& path) {
  return path.substr(0, path.size() - archive_ending_length(path));
}

std::string utf8_name(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t length = utf8_length(std::string_view(name).substr(i));
    const bool control = static_cast<unsigned char>(name[i]) < 0x20 || name[i] == 0x7F;
    if (length > 0 && !control)
      out.append(name, i, length);
    else
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(name[i]));
    i += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::unique_ptr<Source> open_source(const std::string& path) {
  check(std::filesystem::exists(path), "There is no input at {}.", path);
  if (std::filesystem::is_directory(path)) return std::make_unique<FolderSource>(path);
  return std::make_unique<ArchiveSource>(path);
}

}  // namespace ijepa::tools
