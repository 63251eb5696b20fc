#include "data_tools/packing/ranks.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "ijepa/core/error.hpp"

namespace ijepa::tools {
namespace fs = std::filesystem;
namespace {

struct RankVariables {
  const char *rank, *size;
};
// SLURM_STEP_NUM_TASKS, not SLURM_NTASKS: the latter is also set in the batch script itself, where
// a program started without srun is alone.
constexpr std::array<RankVariables, 3> launchers{
    RankVariables{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    RankVariables{"PMI_RANK", "PMI_SIZE"}, RankVariables{"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}};

int number_of(const char* name) {
  const std::string text = std::getenv(name);
  int value = -1;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value).ptr;
  check(!text.empty() && end == text.data() + text.size() && value >= 0,
        "The environment variable {} is \"{}\", which is not a number of ranks.", name, text);
  return value;
}

std::string file_of(const std::string& folder, int rank) {
  return fmt::format("{}/rank_{:05d}", folder, rank);
}

/// The text of a file that another process may be replacing; "" if it is not there.
std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// True if the owner named in a rank's file ran on this machine and is gone.
bool is_surely_gone(const std::string& text) {
  std::istringstream in(text);
  std::string host;
  pid_t process = 0;
  in >> host >> process;
  return in && host == host_name() && (process == ::getpid() || ::kill(process, 0) != 0);
}

}  // namespace

Ranks ranks_from_environment() {
  for (const auto& names : launchers) {
    if (std::getenv(names.rank) == nullptr || std::getenv(names.size) == nullptr) continue;
    const Ranks ranks{number_of(names.rank), number_of(names.size)};
    check(ranks.rank < ranks.size, "{} is {} of {} ranks.", names.rank, ranks.rank, ranks.size);
    return ranks;
  }
  return {};
}

RankFile::RankFile(const std::string& folder, int rank, std::chrono::milliseconds patience)
    : path_(file_of(folder, rank)), owner_(fmt::format("{} {}", host_name(), ::getpid())) {
  const std::string before = text_of(path_);
  if (!before.empty() && !is_surely_gone(before)) {
    std::this_thread::sleep_for(patience);
    check(text_of(path_) == before || !fs::exists(path_),
          "Another ijepa-shards is writing to {} (see {}).",
          fs::path(folder).parent_path().string(), path_);
  }
  write({});
}

RankFile::~RankFile() {
  std::error_code ignored;
  fs::remove(path_, ignored);
}

void RankFile::write(const RankProgress& p) {
  // No sync and no error: a sign of life that is lost does no harm, the next one follows.
  const std::string temporary = path_ + ".tmp";
  std::ofstream(temporary) << fmt::format("{} {} {} {} {} {} {}\n", owner_, ++beats_,
                                          static_cast<int>(p.phase), p.done, p.total, p.bytes,
                                          p.rejected);
  std::error_code ignored;
  fs::rename(temporary, path_, ignored);
}

RankProgress RankWatch::read(int rank) const {
  std::istringstream in(text_of(file_of(folder_, rank)));
  std::string host;
  std::int64_t process = 0, beats = 0;
  int phase = 0;
  RankProgress p;
  in >> host >> process >> beats >> phase >> p.done >> p.total >> p.bytes >> p.rejected;
  if (!in) return {};
  p.phase = static_cast<RankProgress::Phase>(phase);
  return p;
}

void RankWatch::expect_alive(int rank) {
  if (seen_.size() <= static_cast<std::size_t>(rank))
    seen_.resize(static_cast<std::size_t>(rank) + 1);
  Seen& seen = seen_[static_cast<std::size_t>(rank)];
  const auto now = std::chrono::steady_clock::now();
  if (const std::string text = text_of(file_of(folder_, rank)); text != seen.text)
    seen = {text, now};
  check(now - seen.since < patience_,
        "Rank {} has shown no sign of life for {} s. Run the same command again to go on.", rank,
        patience_.count());
}

}  // namespace ijepa::tools
