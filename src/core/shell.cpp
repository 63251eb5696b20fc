#include "ijepa/core/shell.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

namespace ijepa {
namespace {

/// popen() would hand down this process's blocked signals, and `timeout` waits for one of them.
class PlainChild {
 public:
  PlainChild() {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&files_);
  }
  ~PlainChild() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  PlainChild(const PlainChild&) = delete;
  PlainChild& operator=(const PlainChild&) = delete;

  /// Its process number; 0: it could not be started.
  pid_t start(const std::string& command, int output) {
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    std::string shell = "sh", option = "-c", text = command;
    const std::array<char*, 4> words{shell.data(), option.data(), text.data(), nullptr};
    pid_t child = 0;
    const int error = posix_spawn(&child, "/bin/sh", &files_, &attributes_, words.data(), environ);
    return error == 0 ? child : 0;
  }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t files_{};
};

}  // namespace

std::string first_line_of(const std::string& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "";
  const pid_t child = PlainChild().start("timeout 10 " + command + " 2>/dev/null", ends[1]);
  ::close(ends[1]);
  const std::unique_ptr<FILE, int (*)(FILE*)> output(::fdopen(ends[0], "r"), std::fclose);
  std::array<char, 4096> line{};
  if (child == 0 || output == nullptr) return "";
  const bool any = std::fgets(line.data(), line.size(), output.get()) != nullptr;
  std::string text = any ? line.data() : "";
  // A command that has more to say must not wait for a reader.
  while (std::fgets(line.data(), line.size(), output.get()) != nullptr) {
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.pop_back();
  return text;
}

}  // namespace ijepa
