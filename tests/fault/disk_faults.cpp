// A failing disk, for LD_PRELOAD: calls that change files whose path holds a text are counted, and
// some of them fail or are slow. IJEPA_DISK_FAULT is "TEXT ERRNO FIRST COUNT": the calls FIRST to
// FIRST + COUNT - 1, from 0, fail with ERRNO. ERRNO 0: each of them takes COUNT microseconds more.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

struct Plan {
  Plan() {
    const char* text = std::getenv("IJEPA_DISK_FAULT");
    std::array<char, 256> part{};
    if (text == nullptr ||
        std::sscanf(text, "%255s %d %ld %ld", part.data(), &error, &first, &count) != 4)
      return;
    path = part.data();
  }
  std::string path;  // empty: no faults
  int error = 0;
  long first = 0, count = 0;
  std::atomic<long> calls{0};
};

/// Whether this call is one that fails; errno says why.
bool fails(const char* path) {
  static Plan plan;
  if (plan.path.empty() || std::string(path).find(plan.path) == std::string::npos) return false;
  const long call = plan.calls++;
  if (call < plan.first) return false;
  if (plan.error == 0) {
    ::usleep(static_cast<useconds_t>(plan.count));
    return false;
  }
  if (call - plan.first >= plan.count) return false;
  errno = plan.error;
  return true;
}

bool fails(int file) {
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  std::array<char, 4096> path{};
  return ::readlink(link.c_str(), path.data(), path.size() - 1) > 0 && fails(path.data());
}

template <class F>
F* original(F*, const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// The C library's own headers may mark these as not throwing, which a definition has to repeat.
extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const auto mode = static_cast<mode_t>((flags & O_CREAT) != 0 ? va_arg(rest, int) : 0);
  va_end(rest);
  if ((flags & O_ACCMODE) != O_RDONLY && fails(path)) return -1;
  return original(&::open, "open")(path, flags, mode);
}

ssize_t pwrite(int file, const void* from, size_t bytes, off_t at) {
  return fails(file) ? -1 : original(&::pwrite, "pwrite")(file, from, bytes, at);
}

int fsync(int file) {
  return fails(file) ? -1 : original(&::fsync, "fsync")(file);
}

int ftruncate(int file, off_t size) noexcept {
  return fails(file) ? -1 : original(&::ftruncate, "ftruncate")(file, size);
}

int mkdir(const char* path, mode_t mode) noexcept {
  return fails(path) ? -1 : original(&::mkdir, "mkdir")(path, mode);
}

int rename(const char* from, const char* to) noexcept {
  return fails(to) ? -1 : original(&::rename, "rename")(from, to);
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to,
              unsigned int flags) noexcept {
  return fails(to) ? -1
                   : original(&::renameat2, "renameat2")(from_folder, from, to_folder, to, flags);
}
}
