// What a file that cannot be packed is, by its first bytes, and what its owner can do.
#pragma once
#include <string>

namespace ijepa::tools {

/// "a parquet file: export its images to files first", "one image"; "" for archives, and what is
/// not known.
std::string kind_of_file(const std::string& path);

}  // namespace ijepa::tools
