#include "ijepa/data/shards/stage.hpp"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/shard_set.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t chunk_bytes = std::size_t{8} << 20;
constexpr double gigabyte = 1e9;

/// Says something at most every few seconds, and stops what takes long when asked to.
class Patience {
 public:
  explicit Patience(const StageOptions& options) : options_(options) {}

  bool line_is_due() {
    if (options_.interrupted && options_.interrupted())
      throw Interrupted(
          "Copying the shards to the node's disk was interrupted; it goes on at the next start.");
    const auto now = Clock::now();
    if (std::chrono::duration<double>(now - last_).count() < options_.seconds_between_lines)
      return false;
    last_ = now;
    return true;
  }

 private:
  const StageOptions& options_;
  Clock::time_point last_ = Clock::now();
};

/// An exclusive lock on a file, held until the end of the scope or of the process.
class NodeLock {
 public:
  NodeLock(const std::string& path, Patience& patience, const Log& log)
      : file_(path, File::Mode::update) {
    while (::flock(file_.descriptor(), LOCK_EX | LOCK_NB) != 0) {
      const int reason = errno;
      check(reason == EWOULDBLOCK || reason == EINTR,
            "{} cannot be locked ({}): data.stage_dir must be on the node's own disk.", path,
            std::strerror(reason));
      if (patience.line_is_due())
        log.info("Waiting for another process that copies the shards ({}).", path);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

 private:
  File file_;  // closing it unlocks
};

struct Copy {
  std::string from, to;
  std::int64_t bytes = 0;
};

/// The shards that are not there yet in full.
std::vector<Copy> missing_copies(const ShardSet& set, const fs::path& folder) {
  std::vector<Copy> missing;
  for (int shard = 0; shard < set.num_shards(); ++shard) {
    const fs::path from = set.shard_path(shard), to = folder / from.filename();
    const auto bytes = File(from.string(), File::Mode::read).size();
    std::error_code absent;
    const auto present = fs::file_size(to, absent);
    if (absent || static_cast<std::int64_t>(present) != bytes)
      missing.push_back({from.string(), to.string(), bytes});
  }
  return missing;
}

void copy_all(const std::vector<Copy>& copies, const std::string& folder, std::int64_t total,
              Patience& patience, const Log& log) {
  std::vector<std::uint8_t> chunk(chunk_bytes);
  std::int64_t done = 0;
  for (const Copy& copy : copies) {
    const File from(copy.from, File::Mode::read);
    TemporaryFile to(copy.to);
    for (std::int64_t at = 0; at < copy.bytes;) {
      const auto n = std::min(static_cast<std::int64_t>(chunk.size()), copy.bytes - at);
      from.read(at, chunk.data(), static_cast<std::size_t>(n));
      to.file().write(at, chunk.data(), static_cast<std::size_t>(n));
      at += n;
      done += n;
      if (patience.line_is_due())
        log.info("Copied {:.2f} of {:.2f} GB of shards to {}.",
                 static_cast<double>(done) / gigabyte, static_cast<double>(total) / gigabyte,
                 folder);
    }
    to.publish();
  }
}

}  // namespace

void check_space(const std::string& folder, std::int64_t bytes) {
  std::error_code problem;
  const fs::space_info space = fs::space(folder, problem);
  check(!problem, "The free space of {} cannot be read: {}.", folder, problem.message());
  check(static_cast<double>(space.available) > 1.01 * static_cast<double>(bytes),
        "{} has {:.2f} GB free, but the shards need {:.2f} GB more: make room there, name another "
        "folder in data.stage_dir or leave it empty.",
        folder, static_cast<double>(space.available) / gigabyte,
        static_cast<double>(bytes) / gigabyte);
}

std::string stage_shards(const std::string& source, const std::string& stage_dir,
                         const StageOptions& options, const Log& log) {
  const ShardSet set = ShardSet::open(source);
  const fs::path folder = fs::path(stage_dir) / fmt::format("ijepa_{:016x}", set.fingerprint());
  make_folder(folder.string());

  Patience patience(options);
  const NodeLock lock(folder.string() + ".lock", patience, log);
  const auto missing = missing_copies(set, folder);
  std::int64_t bytes = 0;
  for (const Copy& copy : missing) bytes += copy.bytes;
  if (!missing.empty()) {
    check_space(folder.string(), bytes);
    log.info("Copying {} shards ({:.2f} GB) to {}.", missing.size(),
             static_cast<double>(bytes) / gigabyte, folder.string());
    copy_all(missing, folder.string(), bytes, patience, log);
  }

  std::error_code problem;
  const fs::path staged =
      fs::is_directory(source, problem) ? folder : folder / fs::path(source).filename();
  check(ShardSet::open(staged.string()).fingerprint() == set.fingerprint(),
        "The copy of the shards in {} differs from {}: delete the folder and start again.",
        staged.string(), source);
  return staged.string();
}

}  // namespace ijepa
