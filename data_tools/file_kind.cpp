#include "data_tools/file_kind.hpp"

#include <algorithm>
#include <array>

#include "ijepa/core/file.hpp"
#include "ijepa/data/image_kind.hpp"

namespace ijepa::tools {
namespace {

/// A zip, and what may begin a tar or be packed around it.
bool may_be_archive(std::string_view kind) {
  return kind.starts_with("a zip") || kind.starts_with("gzip") || kind == "text" ||
         kind == unknown_kind;
}

}  // namespace

std::string kind_of_file(const std::string& path) {
  const File file(path, File::Mode::read);
  std::array<std::uint8_t, signature_bytes> buffer{};
  const auto bytes = static_cast<std::size_t>(
      std::clamp<std::int64_t>(file.size(), 0, static_cast<std::int64_t>(buffer.size())));
  file.read(0, buffer.data(), bytes);
  const std::span<const std::uint8_t> head(buffer.data(), bytes);
  if (image_format(head) != ImageFormat::unknown) return "one image";
  const auto kind = what_instead(head);
  return may_be_archive(kind) ? "" : std::string(kind);
}

}  // namespace ijepa::tools
