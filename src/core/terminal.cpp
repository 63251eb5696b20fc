#include "ijepa/core/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace ijepa {
namespace {

struct Process {
  pid_t parent = 0;
  std::string name;
};

/// Of /proc/PID/stat: "17 (mpirun) S 12 ...".
Process look_at(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 4 > text.size()) return {};
  return {std::atoi(text.c_str() + close + 4), text.substr(open + 1, close - open - 1)};
}

bool passes_words_on(const std::string& name) {
  constexpr std::array<std::string_view, 6> launchers{"mpirun",  "mpiexec",       "orterun",
                                                      "prterun", "mpiexec.hydra", "mpiexec.mpich"};
  return std::find(launchers.begin(), launchers.end(), name) != launchers.end();
}

/// The launcher writes elsewhere, or a mark before each line.
bool words_are_changed() {
  constexpr std::array options{"OMPI_MCA_orte_tag_output", "OMPI_MCA_orte_timestamp_output",
                               "OMPI_MCA_orte_output_filename"};
  return std::any_of(options.begin(), options.end(),
                     [](const char* name) { return std::getenv(name) != nullptr; });
}

/// A terminal that is this process's standard error behind a launcher; -1: there is none.
int terminal_of_launcher() {
  constexpr int most_between = 4;  // a shell, a proxy
  struct stat own {};
  if (::fstat(STDERR_FILENO, &own) != 0 || !S_ISFIFO(own.st_mode) || words_are_changed()) return -1;
  pid_t pid = ::getppid();
  for (int i = 0; i < most_between && pid > 1; ++i) {
    const Process process = look_at(pid);
    if (passes_words_on(process.name)) {
      const std::string path = "/proc/" + std::to_string(pid) + "/fd/2";
      const int file = ::open(path.c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
      if (file >= 0 && ::isatty(file) == 1) return file;
      if (file >= 0) ::close(file);
      return -1;
    }
    pid = process.parent;
  }
  return -1;
}

}  // namespace

Terminal::Terminal()
    : file_(::isatty(STDERR_FILENO) == 1 ? STDERR_FILENO : terminal_of_launcher()) {}

Terminal::~Terminal() {
  if (file_ > STDERR_FILENO) ::close(file_);
}

std::optional<std::size_t> Terminal::width() const {
  winsize size{};
  if (file_ < 0 || ::ioctl(file_, TIOCGWINSZ, &size) != 0 || size.ws_col <= 1) return std::nullopt;
  return size.ws_col;
}

}  // namespace ijepa
