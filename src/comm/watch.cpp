#include "ijepa/comm/watch.hpp"

#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "datagrams.hpp"
#include "guard.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "ijepa/core/log.hpp"
#include "roll_call.hpp"

namespace ijepa {
namespace {

using Clock = std::chrono::steady_clock;

/// The rank that ends the job has this long to write what it knows and to call MPI_Abort; the
/// others let its words pass first.
constexpr double reporter_time = 10, bystander_time = 1;
/// The guard waits longer for this thread than the other ranks for this process: they know more.
constexpr double own_patience = 1.5;
constexpr int repeats = 3;  // of a datagram that is not sent again later
constexpr double longest_interval = 1;

double seconds_now() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

std::uint64_t agree_on_token(Communicator& comm) {
  std::random_device noise;
  std::uint64_t token = (std::uint64_t{noise()} << 32) | noise();
  comm.broadcast(std::as_writable_bytes(std::span(&token, 1)), 0);
  return token;
}

}  // namespace

std::string describe(const RankState& state) {
  return fmt::format("step {}, {} for {:.0f} s", state.step, name_of(state.phase),
                     state.phase_seconds);
}

class Watch::Thread {
 public:
  explicit Thread(Communicator& comm)
      : comm_(comm),
        log_(comm.rank()),
        roll_call_(comm.rank(), comm.size(), seconds_now()),
        token_(agree_on_token(comm)) {
    datagrams_.set_contacts(comm.gather_all(datagrams_.contact()));
    thread_ = std::thread([this] { run(); });
  }
  ~Thread() {
    stop_ = true;
    thread_.join();
    guard::expect_beats(0);
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

 private:
  void run() {
    double next = 0;
    while (!stop_) {
      const double now = seconds_now();
      guard::beat();
      if (now >= next) {
        const WatchLimits limits = comm_.activity().limits();
        // This thread may itself meet a damaged heap or a lock that is held for ever.
        guard::expect_beats(own_patience * limits.silence);
        roll_call_.set_interval(limits.silence > 0 ? std::min(limits.silence / 10, longest_interval)
                                                   : longest_interval);
        for (const int rank : roll_call_.beat(now, comm_.activity().look()))
          send(Beat::Kind::beat, rank);
        look(now, limits);
        next = now + roll_call_.interval();
      }
      // A leaving rank does not wait for the rest of an interval.
      if (const auto beat = datagrams_.receive(token_, comm_.rank(), std::min(next - now, 0.05)))
        hear(*beat);
    }
    leave();
  }

  void hear(const Beat& beat) {
    if (beat.kind == Beat::Kind::end) {
      guard::end_process_after(bystander_time, beat.code);
    } else if (roll_call_.hear(beat, seconds_now())) {
      send(Beat::Kind::answer, beat.from);
    }
  }

  void send(Beat::Kind kind, int to, int code = 0) {
    datagrams_.send({.token = token_,
                     .kind = kind,
                     .from = comm_.rank(),
                     .to = to,
                     .leader = roll_call_.leader_told(seconds_now()),
                     .code = code,
                     .interval = roll_call_.interval(),
                     .state = comm_.activity().look()});
  }

  void send_to_all(Beat::Kind kind, int code = 0) {
    for (int i = 0; i < repeats; ++i)
      for (int r = 0; r < comm_.size(); ++r)
        if (r != comm_.rank()) send(kind, r, code);
  }

  void leave() {
    if (roll_call_.leader() == comm_.rank()) {
      send_to_all(Beat::Kind::leaves);
    } else {
      for (int i = 0; i < repeats; ++i) send(Beat::Kind::leaves, roll_call_.leader());
    }
  }

  void look(double now, const WatchLimits& limits) {
    if (const auto wait = roll_call_.waiting(now, limits.notice))
      log_.warn("waiting for {} for {:.0f} s.", names(wait->late), wait->seconds);
    const auto unknown = roll_call_.never_heard(now, std::max(limits.notice, 1.0));
    if (!unknown.empty())
      log_.warn(
          "no heartbeat came from {}: is UDP between the nodes blocked? If they hang, it is "
          "noticed only when all ranks stand still.",
          names(unknown));
    const Verdict verdict = roll_call_.judge(now, limits);
    if (verdict.kind == Verdict::Kind::silence)
      end_job("silence", verdict.late, limits,
              fmt::format("{} {} not answered for {:.0f} s", names(verdict.late),
                          verdict.late.size() == 1 ? "has" : "have", verdict.seconds));
    if (verdict.kind == Verdict::Kind::standstill)
      end_job("standstill", verdict.late, limits,
              fmt::format("No rank has got on for {:.0f} s; the others wait for {}",
                          verdict.seconds, names(verdict.late)));
    if (verdict.kind == Verdict::Kind::disobedience)
      end_job(
          "signal", verdict.late, limits,
          fmt::format("A signal came, but no rank has got on for {:.0f} s; the others wait for {}",
                      verdict.seconds, names(verdict.late)));
  }

  /// "rank 3 (n2; step 12, loader for 31 s), rank 7 (...) and 14 more".
  std::string names(const std::vector<int>& ranks) const {
    constexpr std::size_t most_named = 8;
    std::string text;
    for (std::size_t i = 0; i < std::min(ranks.size(), most_named); ++i)
      text += fmt::format("{}rank {} ({}; {})", i > 0 ? ", " : "", ranks[i],
                          datagrams_.host(ranks[i]), describe(roll_call_.state(ranks[i])));
    if (ranks.size() > most_named)
      text += fmt::format(" and ranks {}", rank_ranges({ranks.begin() + most_named, ranks.end()}));
    return text;
  }

  HangReport report(const std::string& reason, const std::vector<int>& late, double now) const {
    HangReport report{.reason = reason, .text = {}, .reporter = comm_.rank(), .ranks = {}};
    for (int r = 0; r < comm_.size(); ++r)
      report.ranks.push_back({r, datagrams_.host(r), roll_call_.state(r),
                              roll_call_.silence(r, now),
                              std::find(late.begin(), late.end(), r) != late.end()});
    return report;
  }

  [[noreturn]] void end_job(const std::string& reason, const std::vector<int>& late,
                            const WatchLimits& limits, const std::string& what) {
    // First of all, for what follows allocates and locks.
    guard::end_process_after(reporter_time, exit_code::hung);
    guard::expect_beats(0);
    HangReport report = this->report(reason, late, seconds_now());
    report.text = fmt::format(
        "{}. Rank {} ends the job with code {}; started again, it goes on from the newest "
        "checkpoint.",
        what, comm_.rank(), exit_code::hung);
    log_.warn("{}", report.text);
    for (const WatchedRank& r : report.ranks)
      log_.warn(
          "rank {} on {}: {}, {}{}", r.rank, r.host, describe(r.state),
          r.silence < 0 ? "never heard here" : fmt::format("last heard {:.1f} s ago", r.silence),
          r.late ? ", LATE" : "");
    send_to_all(Beat::Kind::end, exit_code::hung);
    if (limits.on_hang) limits.on_hang(report);
    if (comm_.size() > 1) MPI_Abort(MPI_COMM_WORLD, exit_code::hung);
    ::_exit(exit_code::hung);
  }

  Communicator& comm_;
  Log log_;
  Datagrams datagrams_;
  RollCall roll_call_;
  std::uint64_t token_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

Watch::Watch(Communicator& comm) : thread_(std::make_unique<Thread>(comm)) {}

Watch::~Watch() = default;

}  // namespace ijepa
