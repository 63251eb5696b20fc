#include "ijepa/core/folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// Tables and pictures of any program.
constexpr std::uintmax_t least_bytes = std::uintmax_t{1} << 17;

std::string size_text(std::uintmax_t bytes) {
  auto size = static_cast<double>(bytes) / 1024;
  const char* unit = "KiB";
  for (const char* larger : {"MiB", "GiB"})
    if (size >= 1024) {
      size /= 1024;
      unit = larger;
    }
  return fmt::format("{:.1f} {}", size, unit);
}

}  // namespace

void make_folder(const std::string& folder) {
  std::error_code error;
  if (!folder.empty()) fs::create_directories(folder, error);
  check(!error, "Cannot create the folder {}: {}.", folder, error.message());
}

void prepare_output_folder(const std::string& folder, std::int64_t bytes) {
  check(!folder.empty(), "The name of the folder for the results is empty.");
  make_folder(folder);
  // Rights alone do not tell: a file system may be mounted read-only, or a quota used up.
  std::string trial = folder + "/.writable_XXXXXX";
  const int file = ::mkstemp(trial.data());
  check(file >= 0, "Cannot write into the folder {}: {}. Name another one for the results.", folder,
        std::strerror(errno));
  ::close(file);
  ::unlink(trial.c_str());
  std::error_code error;
  const auto space = fs::space(folder, error);
  const auto needed = std::max(least_bytes, static_cast<std::uintmax_t>(bytes));
  check(error || space.available >= needed, "The folder {} has {} free, but the results need {}.",
        folder, size_text(space.available), size_text(needed));
}

}  // namespace ijepa
