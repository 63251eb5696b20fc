// Synth files: writes synthetic images as an ImageFolder (SPLIT/CLASS/NUMBER.jpg) or as a tar of
// one.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "data_tools/synthesis/synth.hpp"

namespace ijepa::synth {

enum class Layout : std::uint8_t { folder, tar };
enum class Encoding : std::uint8_t { jpeg, png };

struct WriteOptions {
  std::filesystem::path out;  // folder: the ImageFolder itself; tar: holds images.tar
  std::int64_t train = 5000, test = 1000;
  Layout layout = Layout::folder;
  Encoding encoding = Encoding::jpeg;
  int threads = 1;
};

/// Writes all images under a temporary name beside `out` and renames it at the end, so a folder
/// that is there is complete. An Error if `out` exists already and is not empty, or cannot be
/// written.
void write_images(const Synth& synth, const WriteOptions& options);

}  // namespace ijepa::synth
