#include "lock_record.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/core/json_text.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::json;

constexpr std::size_t record_bytes = 1024;

std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// A pid means something only to processes of the same boot and the same pid namespace; containers
/// may share a host name and have neither in common.
std::string this_machine() {
  std::array<char, 128> space{};
  const auto n = ::readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  const std::string boot = read_line("/proc/sys/kernel/random/boot_id");
  return n > 0 && !boot.empty() ? boot + " " + space.data() : "";
}

struct ProcessState {
  char state = 0;
  std::int64_t start = 0;
};

/// From /proc/PID/stat (proc(5)): the state is the field after the name in brackets, which may hold
/// anything; the start time is the 19th field after the state.
std::optional<ProcessState> process_state(std::int64_t pid) {
  const std::string line = read_line(fmt::format("/proc/{}/stat", pid));
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream rest(line.substr(bracket + 1));
  const std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  if (fields.size() < 20) return std::nullopt;
  return ProcessState{fields[0][0], std::stoll(fields[19])};
}

}  // namespace

std::int64_t wall_clock_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

LockRecord own_record(const Cluster& cluster, std::int64_t interval_ms) {
  std::random_device noise;
  LockRecord r;
  r.token = fmt::format("{:08x}{:08x}", noise(), noise());
  r.job_id = cluster.job_id;
  r.host = host_name();
  r.restart_count = cluster.restart_count;
  r.pid = ::getpid();
  r.process_start = process_state(r.pid).value_or(ProcessState{}).start;
  r.machine = this_machine();
  r.heartbeat_ms = wall_clock_ms();
  r.interval_ms = interval_ms;
  return r;
}

std::string to_text(const LockRecord& r) {
  const Json j{{"token", r.token},
               {"job_id", r.job_id},
               {"restart_count", r.restart_count},
               {"host", r.host},
               {"pid", r.pid},
               {"process_start", r.process_start},
               {"machine", r.machine},
               {"heartbeat_ms", r.heartbeat_ms},
               {"interval_ms", r.interval_ms}};
  std::string text = j.dump(-1, ' ', true, Json::error_handler_t::replace);
  text.resize(std::max(record_bytes, text.size() + 1), ' ');
  text.back() = '\n';
  return text;
}

std::optional<LockRecord> parse_lock_record(const std::string& text) {
  try {
    const Json j = parse_json(text, "the lock");
    LockRecord r;
    r.token = j.at("token");
    r.job_id = j.at("job_id");
    r.restart_count = WholeNumber(j.at("restart_count"));
    r.host = j.at("host");
    r.pid = WholeNumber(j.at("pid"));
    r.process_start = WholeNumber(j.at("process_start"));
    r.machine = j.at("machine");
    // Within what sums of times can hold, whatever the file says.
    r.heartbeat_ms =
        std::clamp<std::int64_t>(WholeNumber(j.at("heartbeat_ms")), 0, std::int64_t{1} << 52);
    r.interval_ms =
        std::clamp<std::int64_t>(WholeNumber(j.at("interval_ms")), 0, std::int64_t{1} << 52);
    return r;
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Life life_of(const LockRecord& record) {
  if (record.machine.empty() || record.machine != this_machine()) return Life::unknown;
  const auto process = process_state(record.pid);
  const bool runs = process && process->start == record.process_start && process->state != 'Z';
  return runs ? Life::alive : Life::gone;
}

std::string describe(const LockRecord& r) {
  const std::string process = fmt::format("process {} on {}", r.pid, r.host);
  return r.job_id.empty() ? process : fmt::format("job {} ({})", r.job_id, process);
}

}  // namespace ijepa
