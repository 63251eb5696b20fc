// Where names of files lead, as far as the folders on the way are there.
#pragma once
#include <filesystem>
#include <string>

namespace ijepa {

/// The absolute path without links, `.` and `..`; of what is not there yet, that of the folders
/// above it. (std::filesystem::weakly_canonical leaves a name relative whose first part is missing,
/// so that "out" would not lie in ".".) Never an Error: where the system cannot say, the path as it
/// reads.
std::string real_path(const std::filesystem::path& path);

/// Whether `inner` is `outer` or lies below it, whether or not they are there.
bool lies_in(const std::filesystem::path& inner, const std::filesystem::path& outer);

}  // namespace ijepa
