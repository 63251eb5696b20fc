// run_apart: tasks in child processes, so that one that throws, crashes or hangs costs itself only:
// a GPU that met a bad access serves its process no more, but the next one.
#pragma once
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "ijepa/core/error.hpp"

namespace ijepa::test {

struct Outcome {
  bool done = false;  // the task returned; else it threw, died, or took too long
  std::string text;   // what it returned, or what befell it
};

namespace apart {

struct Header {
  bool done;
  std::size_t bytes;
};

inline bool read_all(int file, void* data, std::size_t bytes) {
  auto* at = static_cast<char*>(data);
  while (bytes > 0) {
    const auto got = ::read(file, at, bytes);
    if (got <= 0) return false;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

inline void write_all(int file, const void* data, std::size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const auto sent = ::write(file, at, bytes);
    if (sent <= 0) ::_exit(1);  // nobody listens
    at += sent;
    bytes -= static_cast<std::size_t>(sent);
  }
}

inline void send(int file, const Outcome& outcome) {
  const Header header{outcome.done, outcome.text.size()};
  write_all(file, &header, sizeof header);
  write_all(file, outcome.text.data(), outcome.text.size());
}

inline std::optional<Outcome> receive(int file) {
  Header header{};
  if (!read_all(file, &header, sizeof header)) return std::nullopt;
  Outcome outcome{header.done, std::string(header.bytes, ' ')};
  if (!read_all(file, outcome.text.data(), header.bytes)) return std::nullopt;
  return outcome;
}

inline std::string death_of(int status, unsigned seconds) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    return fmt::format("took longer than {} s", seconds);
  if (WIFSIGNALED(status)) return fmt::format("died: {}", ::strsignal(WTERMSIG(status)));
  return fmt::format("ended its process with code {}", WEXITSTATUS(status));
}

/// The child: tasks from `first` on, until one throws.
[[noreturn]] inline void work(int file, std::size_t first, std::size_t count, unsigned seconds,
                              const std::function<std::string(std::size_t)>& task) {
  for (std::size_t i = first; i < count; ++i) {
    ::alarm(seconds);
    try {
      send(file, {true, task(i)});
    } catch (const std::exception& e) {
      send(file, {false, e.what()});
      break;
    }
  }
  ::_exit(0);
}

}  // namespace apart

/// Calls task(0) ... task(count - 1) in order, as many as possible in one child, and report(i,
/// outcome) here for each. A task that takes longer than `seconds` is killed.
inline void run_apart(std::size_t count, unsigned seconds,
                      const std::function<std::string(std::size_t)>& task,
                      const std::function<void(std::size_t, const Outcome&)>& report) {
  for (std::size_t next = 0; next < count;) {
    int ends[2];
    check(::pipe(ends) == 0, "A pipe could not be made: {}.", std::strerror(errno));
    std::fflush(nullptr);
    const pid_t child = ::fork();
    check(child >= 0, "A process could not be started: {}.", std::strerror(errno));
    if (child == 0) {
      ::close(ends[0]);
      apart::work(ends[1], next, count, seconds, task);
    }
    ::close(ends[1]);
    while (const auto outcome = apart::receive(ends[0])) report(next++, *outcome);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    const bool died = WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
    if (died && next < count) report(next++, {false, apart::death_of(status, seconds)});
  }
}

}  // namespace ijepa::test
