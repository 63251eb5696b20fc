#include "ijepa/core/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

int flags_of(File::Mode mode) {
  switch (mode) {
    case File::Mode::create:
      return O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC;
    case File::Mode::update:
      return O_RDWR | O_CREAT | O_CLOEXEC;
    case File::Mode::append:
      return O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC;
    default:
      return O_RDONLY | O_CLOEXEC;
  }
}

[[noreturn]] void fail_with_reason(const char* what, const std::string& path) {
  const int reason = errno;
  const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  fail("{} {}: {}.{}", what, path, std::strerror(reason),
       full ? " Make room or raise the quota." : "");
}

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

File::File(const std::string& path, Mode mode)
    : path_(path), descriptor_(::open(path.c_str(), flags_of(mode), 0666)) {
  if (descriptor_ < 0) fail_with_reason("Cannot open", path_);
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

std::int64_t File::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail_with_reason("Cannot read the size of", path_);
  return status.st_size;
}

void File::read(std::int64_t offset, void* to, std::size_t bytes) const {
  auto* at = static_cast<std::byte*>(to);
  while (bytes > 0) {
    const ssize_t n = ::pread(descriptor_, at, bytes, offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_with_reason("Cannot read", path_);
    check(n > 0, "{} ends at byte {}, {} bytes too early.", path_, offset, bytes);
    at += n;
    offset += n;
    bytes -= static_cast<std::size_t>(n);
  }
}

void File::write(std::int64_t offset, const void* from, std::size_t bytes) {
  const auto* at = static_cast<const std::byte*>(from);
  while (bytes > 0) {
    const ssize_t n = ::pwrite(descriptor_, at, bytes, offset);
    if (n < 0 && (errno == EINTR || (errno == EINVAL && use_cache()))) continue;
    if (n < 0) fail_with_reason("Cannot write", path_);
    at += n;
    offset += n;
    bytes -= static_cast<std::size_t>(n);
  }
}

void File::bypass_cache() {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  if (flags >= 0) ::fcntl(descriptor_, F_SETFL, flags | O_DIRECT);
}

/// False: it was used already.
bool File::use_cache() {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  return flags >= 0 && (flags & O_DIRECT) != 0 &&
         ::fcntl(descriptor_, F_SETFL, flags & ~O_DIRECT) == 0;
}

void File::truncate(std::int64_t bytes) {
  if (::ftruncate(descriptor_, bytes) != 0) fail_with_reason("Cannot shorten", path_);
}

void File::sync() {
  if (::fsync(descriptor_) != 0) fail_with_reason("Cannot sync", path_);
}

void File::lock() {
  int status = 0;
  do {
    status = ::flock(descriptor_, LOCK_EX);
  } while (status != 0 && errno == EINTR);
  check(status == 0, "Cannot lock {}: {}. Keep it on a file system with locks.", path_,
        std::strerror(errno));
}

TemporaryFile::TemporaryFile(const std::string& path)
    : path_(path), file_(path + ".tmp", File::Mode::create) {}

TemporaryFile::~TemporaryFile() {
  if (!published_) ::unlink(file_.path().c_str());
}

void TemporaryFile::publish() {
  file_.sync();
  if (::rename(file_.path().c_str(), path_.c_str()) != 0)
    fail_with_reason("Cannot rename a file to", path_);
  published_ = true;
  const auto folder = std::filesystem::path(path_).parent_path().string();
  File(folder.empty() ? "." : folder, File::Mode::read).sync();
}

void write_file_atomically(const std::string& path, const std::string& text) {
  TemporaryFile temporary(path);
  temporary.file().write(0, text.data(), text.size());
  temporary.publish();
}

std::string read_text_file(const std::string& path) {
  const File file(path, File::Mode::read);
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, text.data(), text.size());
  return text;
}

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
