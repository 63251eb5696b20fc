// Job: a command started by a test, whose output is read and which is signalled, stopped and waited
// for as a person or a batch system would.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

namespace ijepa::test {

struct Ended {
  int code = -1;      // exit code; -1: by a signal
  int signal = 0;     // that ended it; 0: none
  bool hung = false;  // was killed after the time limit
  double seconds = 0;
  std::string output;  // standard output and error
};

class Job {
 public:
  explicit Job(std::vector<std::string> command, double limit_seconds = 120)
      : limit_(limit_seconds) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(ends[1], STDERR_FILENO);
      std::vector<char*> arguments;
      for (auto& a : command) arguments.push_back(a.data());
      arguments.push_back(nullptr);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Job() {
    if (output_ >= 0) {
      kill_all();
      wait();
    }
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// True once the output holds `text`; false when the command ended without it.
  bool read_until(const std::string& text) {
    while (ended_.output.find(text) == std::string::npos)
      if (!read_some()) return false;
    return true;
  }
  /// What stands between these two texts, once both have been printed; empty where the command
  /// ended without them.
  std::string read_until(const std::string& begin, const std::string& end) {
    std::size_t from = 0, to = 0;
    while ((from = ended_.output.find(begin)) == std::string::npos ||
           (to = ended_.output.find(end, from)) == std::string::npos)
      if (!read_some()) return {};
    return ended_.output.substr(from + begin.size(), to - from - begin.size());
  }
  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  /// The command and all that it started; mpirun gives each rank a process group of its own.
  void kill_all() const {
    for (const pid_t pid : family(pid_)) ::kill(pid, SIGKILL);
  }
  /// Processes that the command started, without itself.
  std::vector<pid_t> children() const {
    auto all = family(pid_);
    all.erase(all.begin());
    return all;
  }

  Ended wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ::close(output_);
    output_ = -1;
    ended_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ended_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ended_.seconds = seconds();
    return ended_;
  }

 private:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  bool read_some() {
    pollfd ready{output_, POLLIN, 0};
    const double left = limit_ - seconds();
    if (!ended_.hung && (left <= 0 || ::poll(&ready, 1, static_cast<int>(left * 1e3)) == 0)) {
      ended_.hung = true;
      kill_all();
    }
    std::array<char, 4096> buffer{};
    const auto n = ::read(output_, buffer.data(), buffer.size());
    if (n > 0) ended_.output.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

  static std::vector<pid_t> family(pid_t parent) {
    std::vector<pid_t> all{parent};
    const std::string id = std::to_string(parent);
    std::ifstream file("/proc/" + id + "/task/" + id + "/children");
    for (pid_t child = 0; file >> child;) {
      const auto below = family(child);
      all.insert(all.end(), below.begin(), below.end());
    }
    return all;
  }

  double limit_;
  pid_t pid_ = 0;
  int output_ = -1;
  Ended ended_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Runs a command to its end.
inline Ended run(const std::vector<std::string>& command, double limit_seconds = 120) {
  return Job(command, limit_seconds).wait();
}

}  // namespace ijepa::test
