#include "ijepa/core/folder.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

std::string size_text(std::uintmax_t bytes) {
  constexpr double gib = 1024.0 * 1024.0 * 1024.0;
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / gib);
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
  check(error || space.available >= static_cast<std::uintmax_t>(bytes),
        "The folder {} has {} free, but the results need {}.", folder, size_text(space.available),
        size_text(static_cast<std::uintmax_t>(bytes)));
}

}  // namespace ijepa
