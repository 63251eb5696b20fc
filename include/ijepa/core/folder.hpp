// Folder: output folders are made, and tried, before the work whose results they are to hold.
#pragma once
#include <cstdint>
#include <string>

namespace ijepa {

/// Makes the folder and those above it; nothing for an empty name. An Error says why it cannot, or
/// that the name begins with the ~ of a shell.
void make_folder(const std::string& folder);

/// make_folder(), and an Error if no file can be made in it, or if less than `bytes`, or 128 KiB,
/// are free.
void prepare_output_folder(const std::string& folder, std::int64_t bytes = 0);

}  // namespace ijepa
