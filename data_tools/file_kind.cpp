#include "data_tools/file_kind.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "ijepa/core/file.hpp"
#include "ijepa/data/image.hpp"

namespace ijepa::tools {
namespace {

using namespace std::string_view_literals;

struct Kind {
  std::string_view start;
  const char* text;
};

constexpr std::array kinds{
    Kind{"PAR1"sv, "a parquet file: export its images to files first"},
    Kind{"ARROW1"sv, "an Arrow file: export its images to files first"},
    Kind{"\x89HDF\r\n\x1A\n"sv, "an HDF5 file: export its images to files first"},
    Kind{"IJEPASHD"sv, "a shard of ijepa-shards, which is packed already"},
    Kind{"Rar!\x1A\x07"sv, "a rar archive: unpack it first"},
    Kind{"SQLite format 3"sv, "an SQLite database: export its images to files first"},
    Kind{"\x93NUMPY"sv, "a NumPy file: write its images to files first"},
    Kind{"version https://git-lfs"sv, "a pointer of Git LFS: fetch the file itself (git lfs pull)"},
    Kind{"<!DOCTYPE html"sv, "a web page, perhaps of a download that was refused"},
    Kind{"<html"sv, "a web page, perhaps of a download that was refused"},
};
constexpr Kind zip{"PK\x03\x04"sv, "a zip archive: unpack it, or pack it by itself"};

bool starts(std::span<const std::uint8_t> bytes, std::string_view with) {
  return bytes.size() >= with.size() &&
         std::equal(with.begin(), with.end(), bytes.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

std::string known_kind(std::span<const std::uint8_t> bytes) {
  for (const auto& kind : kinds)
    if (starts(bytes, kind.start)) return kind.text;
  return "";
}

}  // namespace

std::string kind_of_file(const std::string& path) {
  const File file(path, File::Mode::read);
  std::array<std::uint8_t, 64> buffer{};
  const auto bytes = static_cast<std::size_t>(
      std::clamp<std::int64_t>(file.size(), 0, static_cast<std::int64_t>(buffer.size())));
  file.read(0, buffer.data(), bytes);
  const std::span<const std::uint8_t> head(buffer.data(), bytes);
  if (bytes >= 12 && image_format(head) != ImageFormat::unknown) return "one image";
  return known_kind(head);
}

std::string kind_of_bytes(std::span<const std::uint8_t> bytes) {
  return starts(bytes, zip.start) ? zip.text : known_kind(bytes);
}

}  // namespace ijepa::tools
