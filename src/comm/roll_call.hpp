// RollCall: who is heard and who leads, without sockets and clocks, so that tests can run hundreds
// of ranks in no time. Every rank beats to the leader, the lowest rank that answers, at first rank
// 0; the leader alone judges. Messages per beat grow with the ranks, not with their square.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ijepa/comm/activity.hpp"

namespace ijepa {

/// One datagram. Its bytes are sent as they are: all ranks run the same program.
struct Beat {
  enum class Kind : std::uint32_t { beat, answer, leaves, end };

  std::uint64_t token = 0;  // of the job; other datagrams are not ours
  Kind kind = Kind::beat;
  std::int32_t from = 0, to = 0;
  std::int32_t leader = 0;  // whom `from` beats to; itself when it has nobody
  std::int32_t code = 0;    // exit code, of Kind::end
  double interval = 0;      // seconds between its beats
  RankState state;
};

/// The beat that a datagram of a job of `ranks` ranks is; nothing for other bytes: another size, a
/// rank that does not exist, a kind, phase or flag that no program sends, a time that is none.
std::optional<Beat> beat_of(std::span<const std::byte> datagram, int ranks);

/// Ranks that do not answer (silence) or, where no rank gets on, those that the others wait for;
/// `disobedience` is a standstill after a signal.
struct Verdict {
  enum class Kind : std::uint8_t { none, silence, standstill, disobedience } kind = Kind::none;
  double seconds = 0;
  std::vector<int> late;
};

class RollCall {
 public:
  /// Times are seconds of any clock that only rises.
  RollCall(int rank, int ranks, double now);

  void set_interval(double seconds) { interval_ = seconds; }
  double interval() const { return interval_; }

  /// To be called once an interval, with this rank's own state: the ranks to send a beat to. After
  /// a pause of this process (a stopped machine) everybody's silence counts from now.
  std::vector<int> beat(double now, const RankState& own);
  /// A datagram to this rank, as beat_of() gives it; true when it is to be answered.
  bool hear(const Beat& beat, double now);
  /// The leader as others are to be told.
  int leader_told(double now) const;

  /// Always none on a rank that does not lead.
  Verdict judge(double now, const WatchLimits& limits) const;
  /// Ranks that others have been waiting for, when it is time to say so: after `notice` seconds,
  /// then twice as many, and so on. Only on the leader.
  std::optional<Verdict> waiting(double now, double notice);
  /// Ranks that were never heard here, though `seconds` have gone by; once. Only on the leader.
  std::vector<int> never_heard(double now, double seconds);

  int leader() const { return leader_; }
  const RankState& state(int rank) const { return peer(rank).state; }
  /// Since the last word of a rank; negative: none came.
  double silence(int rank, double now) const;

 private:
  struct Peer {
    double heard = -1;
    double interval = 1;
    bool left = false;
    RankState state;
  };

  bool leads() const { return leader_ == rank_; }
  Peer& peer(int rank) { return peers_[static_cast<std::size_t>(rank)]; }
  const Peer& peer(int rank) const { return peers_[static_cast<std::size_t>(rank)]; }
  double patience() const { return 4 * interval_; }
  void forgive(double now);
  void lead(double now);
  void follow(int rank, double now);
  void note_state(int rank, const RankState& state, double now);
  std::vector<int> search(double now);
  std::vector<int> behind() const;

  int rank_, ranks_;
  double interval_ = 1;
  double begin_, beaten_;
  int leader_ = 0;
  double answered_;  // by the leader
  int window_ = -1;  // first of the ranks that are asked to lead; -1: there is a leader
  double window_since_ = 0;
  double moved_;                // when any rank last got on, as far as is known here
  double stopping_since_ = -1;  // when a rank first had a signal to obey; negative: none has
  std::uint64_t most_calls_ = 0;
  double most_calls_at_;
  double next_notice_ = 0;  // seconds after most_calls_at_
  bool told_never_heard_ = false;
  std::vector<Peer> peers_;
};

/// "3, 5-7, 12".
std::string rank_ranges(const std::vector<int>& ranks);

}  // namespace ijepa
