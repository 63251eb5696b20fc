// What the fuzz targets share: the bytes of one input as files, and which ends of a reader are
// good.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa::fuzz {

using Bytes = std::span<const std::uint8_t>;

inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A folder of this process, below TMPDIR, for files that are written anew for each input.
inline const std::string& folder() {
  static const std::string path = [] {
    const auto made =
        std::filesystem::temp_directory_path() / ("ijepa_fuzz_" + std::to_string(::getpid()));
    std::filesystem::create_directories(made);
    return made.string();
  }();
  return path;
}

/// The path of such a file.
inline std::string write_input(const std::string& name, std::string_view bytes) {
  const std::string path = folder() + "/" + name;
  File(path, File::Mode::create).write(0, bytes.data(), bytes.size());
  return path;
}
inline std::string write_input(const std::string& name, Bytes bytes) {
  return write_input(name, text_of(bytes));
}

/// An Error is what damaged bytes deserve. Whatever else leaves a reader ends the process: a find.
template <class Read>
void accept_errors(const Read& read) {
  try {
    read();
  } catch (const Error&) {
  }
}

/// A number of the input, which gets shorter by it; 0 once nothing is left.
template <class T>
T take(Bytes& bytes) {
  T value{};
  const auto part = bytes.first(std::min(sizeof value, bytes.size()));
  std::copy(part.begin(), part.end(), reinterpret_cast<std::uint8_t*>(&value));
  bytes = bytes.subspan(part.size());
  return value;
}

}  // namespace ijepa::fuzz

/// libFuzzer calls it with each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
