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

/// The first link on the way to the folder that leads nowhere, as to a disk that was emptied.
std::string dead_link_in(const std::string& folder) {
  std::error_code error;
  fs::path at;
  for (const auto& part : fs::path(folder)) {
    at /= part;
    if (fs::is_symlink(at, error) && !fs::exists(at, error) && error == std::error_code())
      return at.string();
  }
  return "";
}

}  // namespace

void make_folder(const std::string& folder) {
  std::error_code error;
  check(folder != "~" && !folder.starts_with("~/"),
        "The folder {} begins with ~, which stands for the home folder only where a shell replaces "
        "it, as at the beginning of a word: write the whole path. ./~ would be a folder of that "
        "name.",
        folder);
  if (!folder.empty()) fs::create_directories(folder, error);
  if (!error) return;
  const auto dead = dead_link_in(folder);
  check(dead.empty(), "Cannot create the folder {}: {} is a link to nothing.", folder, dead);
  fail("Cannot create the folder {}: {}.", folder, error.message());
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
