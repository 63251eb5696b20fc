// What a file that cannot be packed is, by its first bytes, and what its owner can do.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace ijepa::tools {

/// "a parquet file: export its images to files first"; "" for images, tars, zips, and what is not
/// known.
std::string kind_of_file(const std::string& path);
/// The same of a file inside an input, where a zip cannot be packed either.
std::string kind_of_bytes(std::span<const std::uint8_t> bytes);

}  // namespace ijepa::tools
