#include "ijepa/train/run/run_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <thread>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "lock_record.hpp"

namespace ijepa {
namespace {

using std::chrono::milliseconds;

constexpr int most_attempts = 10;

/// The record in a lock file; nothing when the file is gone or is no record.
std::optional<LockRecord> read_record(const std::string& path) {
  try {
    return parse_lock_record(read_text_file(path));
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// A holder makes its file and then fills it, one that takes it away by mistake puts it back, and
/// on some file systems a reader meets half a heartbeat: all are over in a moment.
std::optional<LockRecord> read_record_patiently(const std::string& path) {
  for (int i = 0; i < most_attempts; ++i) {
    if (auto record = read_record(path)) return record;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return std::nullopt;
}

bool beats_again(const std::string& path, const LockRecord& record) {
  const auto wait = std::clamp<std::int64_t>(2 * record.interval_ms, 0, 60'000);
  std::this_thread::sleep_for(milliseconds(wait));
  const auto later = read_record_patiently(path);
  return later && (later->token != record.token || later->heartbeat_ms != record.heartbeat_ms);
}

/// Why the lock may be taken from its holder; empty: it may not.
std::string reason_to_take(const std::string& path, const LockRecord& holder,
                           const Cluster& cluster, const RunLockOptions& options, const Log& log) {
  const Life life = life_of(holder);
  if (life == Life::alive) return {};
  if (life == Life::gone) return "its process is gone";
  if (!holder.job_id.empty() && holder.job_id == cluster.job_id) {
    return fmt::format("it is an earlier start of this job (restart {})", cluster.restart_count);
  }
  const auto silence = wall_clock_ms() - holder.heartbeat_ms;
  if (std::abs(silence) <= options.stale_after.count()) return {};
  // A clock that was wrong, there or here, would otherwise lock the folder until that time comes.
  const auto state = silence > 0 ? fmt::format("silent for {} s", silence / 1000)
                                 : fmt::format("ahead of this clock by {} s", -silence / 1000);
  log.info("The run folder is locked by {}, {}: watching whether it lives.", describe(holder),
           state);
  if (beats_again(path, holder)) return {};
  return silence > 0 ? "it has been " + state : "it is silent and was " + state;
}

[[noreturn]] void refuse(const std::string& path, const LockRecord& holder) {
  fail(
      "The run folder is in use by {}, whose last sign of life was {} s ago. Stop it, or choose "
      "another run folder; if it is surely dead, remove {}.",
      describe(holder), std::max<std::int64_t>(0, wall_clock_ms() - holder.heartbeat_ms) / 1000,
      path);
}

/// Renaming gets the file out of the way of exactly one of several that would take it. When it
/// turns out to be the fresh lock of another that was quicker, that one gets it back.
void take_away(const std::string& path, const std::string& judged_token, const std::string& own) {
  const std::string aside = path + "." + own;
  if (::rename(path.c_str(), aside.c_str()) != 0) return;  // somebody was quicker
  const auto taken = read_record(aside);
  if ((taken ? taken->token : "") != judged_token) ::link(aside.c_str(), path.c_str());
  ::unlink(aside.c_str());
}

/// The new lock file; -1: there is one already.
int create_exclusively(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  check(file >= 0 || errno == EEXIST, "Cannot create {}: {}.", path, std::strerror(errno));
  return file;
}

bool write_record(int file, const LockRecord& record) {
  const std::string text = to_text(record);
  return ::pwrite(file, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) &&
         ::fsync(file) == 0;
}

}  // namespace

class RunLock::Holder {
 public:
  Holder(std::string path, int file, LockRecord record, const Log& log, milliseconds interval)
      : path_(std::move(path)), file_(file), record_(std::move(record)), log_(log) {
    if (!write_record(file_, record_)) {
      const std::string reason = std::strerror(errno);
      ::unlink(path_.c_str());
      ::close(file_);
      fail("Cannot write {}: {}.", path_, reason);
    }
    thread_ = std::thread([this, interval] { beat(interval); });
  }
  ~Holder() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
    if (still_ours()) ::unlink(path_.c_str());
    ::close(file_);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  void check_held() const {
    check(!lost_,
          "The lock {} is no longer this job's: it was removed, or another job took the run "
          "folder over. This job stops, so that two do not write to it.",
          path_);
  }

 private:
  void beat(milliseconds interval) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, interval, [this] { return stop_; })) {
      if (!still_ours()) {
        lost_ = true;
        return;
      }
      record_.heartbeat_ms = wall_clock_ms();
      // Through the descriptor: should the file be taken away just now, the taker's stays as it is.
      if (!write_record(file_, record_)) {
        log_.warn("The heartbeat of {} could not be written: {}.", path_, std::strerror(errno));
      }
    }
  }

  /// A file that cannot be read right now (a server that is away) is not yet a lost lock.
  bool still_ours() const {
    const auto now = read_record_patiently(path_);
    if (now) return now->token == record_.token;
    return std::filesystem::exists(path_);
  }

  std::string path_;
  int file_;
  LockRecord record_;
  Log log_;
  std::atomic<bool> lost_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

RunLock::RunLock(const std::string& run_dir, const Cluster& cluster, const Log& log,
                 const RunLockOptions& options) {
  const std::string path = (std::filesystem::path(run_dir) / "run.lock").string();
  const LockRecord own = own_record(cluster, options.heartbeat.count());
  for (int i = 0; i < most_attempts; ++i) {
    const int file = create_exclusively(path);
    if (file >= 0) {
      holder_ = std::make_unique<Holder>(path, file, own, log, options.heartbeat);
      return;
    }
    const auto holder = read_record_patiently(path);
    if (!holder) {
      if (!std::filesystem::exists(path)) continue;  // released meanwhile
      log.warn("The lock {} names no holder (killed as it began) and is taken over.", path);
      take_away(path, "", own.token);
      continue;
    }
    const std::string reason = reason_to_take(path, *holder, cluster, options, log);
    if (reason.empty()) refuse(path, *holder);
    log.warn("The run folder was locked by {}; {}, so its lock is taken over.", describe(*holder),
             reason);
    take_away(path, holder->token, own.token);
  }
  fail("The lock {} could not be taken: other jobs keep taking it. Start one job at a time.", path);
}

RunLock::~RunLock() = default;

void RunLock::check_held() const {
  holder_->check_held();
}

std::optional<std::string> living_holder(const std::string& run_dir,
                                         const RunLockOptions& options) {
  const auto record = read_record((std::filesystem::path(run_dir) / "run.lock").string());
  if (!record) return {};
  const Life life = life_of(*record);
  const bool silent = wall_clock_ms() - record->heartbeat_ms > options.stale_after.count();
  if (life == Life::gone || (life == Life::unknown && silent)) return {};
  return describe(*record);
}

}  // namespace ijepa
