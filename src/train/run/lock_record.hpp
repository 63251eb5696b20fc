// What a run's lock file says about its holder, and what can be known about that process from here.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "ijepa/comm/cluster.hpp"

namespace ijepa {

struct LockRecord {
  std::string token;  // unlike any other holder's
  std::string job_id, host;
  int restart_count = 0;
  std::int64_t pid = 0,
               process_start = 0;  // start: tells a process from a later one of the same pid
  std::string machine;             // boot and pid namespace in which the pid means something
  std::int64_t heartbeat_ms = 0;   // wall clock, since 1970
  std::int64_t interval_ms = 0;    // between heartbeats
};

enum class Life : std::uint8_t { unknown, alive, gone };

std::int64_t wall_clock_ms();
/// The record of this process, with a new token.
LockRecord own_record(const Cluster& cluster, std::int64_t interval_ms);
/// JSON, always of the same length, so that a heartbeat overwrites the one before.
std::string to_text(const LockRecord& record);
/// Nothing when the text is no record (a holder that died or is about to write it), or above the
/// limits of parse_json(). Times outside 0 to 2^52 ms become the nearest one inside.
std::optional<LockRecord> parse_lock_record(const std::string& text);
/// Whether the holder's process still runs; unknown on another machine.
Life life_of(const LockRecord& record);
/// "job 17 (process 123 on n1)".
std::string describe(const LockRecord& record);

}  // namespace ijepa
