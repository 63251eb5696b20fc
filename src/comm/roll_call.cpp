#include "roll_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace ijepa {
namespace {

/// Ranks that are asked at once whether they lead: a node's worth, so that a dead node costs one
/// round of asking.
constexpr int window_size = 8;

/// A field of a datagram as a number: a bool or enum without such a value must not be read as one.
template <class T>
T number_at(std::span<const std::byte> datagram, std::size_t offset) {
  T value;
  std::memcpy(&value, datagram.data() + offset, sizeof value);
  return value;
}

bool is_time(double seconds) {
  return std::isfinite(seconds) && seconds >= 0 && seconds < 1e9;
}

}  // namespace

std::optional<Beat> beat_of(std::span<const std::byte> datagram, int ranks) {
  constexpr auto state = offsetof(Beat, state);
  if (datagram.size() != sizeof(Beat) ||
      number_at<std::uint32_t>(datagram, offsetof(Beat, kind)) >
          static_cast<std::uint32_t>(Beat::Kind::end) ||
      number_at<std::uint8_t>(datagram, state + offsetof(RankState, phase)) >
          static_cast<std::uint8_t>(Phase::ending) ||
      number_at<std::uint8_t>(datagram, state + offsetof(RankState, stopping)) > 1)
    return std::nullopt;
  const auto beat = number_at<Beat>(datagram, 0);
  const auto exists = [ranks](std::int32_t rank) { return rank >= 0 && rank < ranks; };
  const bool ends_well = beat.kind == Beat::Kind::end && (beat.code < 1 || beat.code > 255);
  if (!exists(beat.from) || !exists(beat.to) || !exists(beat.leader) || ends_well ||
      !is_time(beat.interval) || !is_time(beat.state.phase_seconds))
    return std::nullopt;
  return beat;
}

RollCall::RollCall(int rank, int ranks, double now)
    : rank_(rank),
      ranks_(ranks),
      begin_(now),
      beaten_(now),
      answered_(now),
      moved_(now),
      most_calls_at_(now),
      peers_(static_cast<std::size_t>(ranks)) {}

std::vector<int> RollCall::beat(double now, const RankState& own) {
  if (now - beaten_ > std::max(1.0, patience())) forgive(now);
  beaten_ = now;
  peer(rank_).heard = now;
  note_state(rank_, own, now);
  if (!leads() && now - answered_ > patience()) return search(now);
  if (!leads()) return {leader_};
  // A lower rank that comes back takes over again: it may believe that it still leads.
  std::vector<int> lower(static_cast<std::size_t>(rank_));
  std::iota(lower.begin(), lower.end(), 0);
  return lower;
}

std::vector<int> RollCall::search(double now) {
  if (window_ < 0 || now - window_since_ > patience()) {
    window_ = window_ < 0 ? leader_ + 1 : window_ + window_size;
    window_since_ = now;
  }
  if (window_ >= rank_) {
    lead(now);
    return beat(now, peer(rank_).state);
  }
  std::vector<int> asked{leader_};
  for (int r = window_; r < std::min(window_ + window_size, rank_); ++r) asked.push_back(r);
  return asked;
}

bool RollCall::hear(const Beat& beat, double now) {
  Peer& from = peer(beat.from);
  from.heard = now;
  from.interval = beat.interval;
  note_state(beat.from, beat.state, now);
  if (beat.kind == Beat::Kind::leaves) {
    from.left = true;
    if (beat.from == leader_) answered_ = now - 2 * patience();  // look for another one at once
    return false;
  }
  if (beat.kind == Beat::Kind::answer && beat.from < rank_ &&
      (beat.from <= leader_ || window_ >= 0)) {
    follow(std::min(beat.from, beat.leader), now);
  }
  return beat.kind == Beat::Kind::beat;
}

int RollCall::leader_told(double now) const {
  return now - answered_ > patience() ? rank_ : leader_;
}

void RollCall::follow(int rank, double now) {
  leader_ = rank;
  answered_ = now;
  window_ = -1;
}

void RollCall::lead(double now) {
  leader_ = rank_;
  window_ = -1;
  moved_ = most_calls_at_ = now;
  next_notice_ = 0;
  // The higher ones have beaten to somebody else, and may have left meanwhile.
  for (int r = rank_ + 1; r < ranks_; ++r) peer(r).heard = -1;
}

void RollCall::forgive(double now) {
  for (Peer& p : peers_)
    if (p.heard >= 0) p.heard = now;
  answered_ = moved_ = now;
}

void RollCall::note_state(int rank, const RankState& state, double now) {
  if (peer(rank).state.progress != state.progress) moved_ = now;
  peer(rank).state = state;
  if (state.stopping && stopping_since_ < 0) stopping_since_ = now;
  if (state.calls <= most_calls_) return;
  most_calls_ = state.calls;
  most_calls_at_ = now;
  next_notice_ = 0;
}

double RollCall::silence(int rank, double now) const {
  return peer(rank).heard < 0 ? -1 : now - peer(rank).heard;
}

std::vector<int> RollCall::behind() const {
  std::uint64_t fewest = most_calls_;
  for (const Peer& p : peers_)
    if (p.heard >= 0 && !p.left) fewest = std::min(fewest, p.state.calls);
  std::vector<int> late;
  for (int r = 0; r < ranks_; ++r)
    if (peer(r).heard >= 0 && !peer(r).left && peer(r).state.calls == fewest) late.push_back(r);
  return late;
}

Verdict RollCall::judge(double now, const WatchLimits& limits) const {
  Verdict verdict;
  if (!leads()) return verdict;
  // Whoever is close to the limit when the first one passes it is late for the same reason.
  for (int r = 0; r < ranks_ && limits.silence > 0; ++r) {
    const Peer& p = peer(r);
    // Whom a new leader asked to lead, or who should have found it by now.
    if (p.heard < 0 && !p.left && rank_ > 0) verdict.late.push_back(r);
    if (p.heard < 0 || p.left) continue;
    const double allowed = std::max(limits.silence, 4 * p.interval), silent = now - p.heard;
    if (silent > allowed / 2) verdict.late.push_back(r);
    if (silent <= allowed) continue;
    verdict.kind = Verdict::Kind::silence;
    verdict.seconds = std::max(verdict.seconds, silent);
  }
  if (verdict.kind == Verdict::Kind::silence) return verdict;
  const double still = now - moved_;
  if (limits.stop_grace > 0 && stopping_since_ >= 0 && still > limits.stop_grace &&
      now - stopping_since_ > limits.stop_grace)
    return {Verdict::Kind::disobedience, still, behind()};
  if (limits.standstill <= 0 || still <= limits.standstill) return {};
  return {Verdict::Kind::standstill, still, behind()};
}

std::optional<Verdict> RollCall::waiting(double now, double notice) {
  const double waited = now - most_calls_at_;
  if (!leads() || notice <= 0 || waited <= std::max(notice, next_notice_)) return std::nullopt;
  Verdict verdict{Verdict::Kind::standstill, waited, behind()};
  if (verdict.late.empty() || state(verdict.late[0]).calls == most_calls_) return std::nullopt;
  next_notice_ = 2 * waited;
  return verdict;
}

std::vector<int> RollCall::never_heard(double now, double seconds) {
  std::vector<int> unknown;
  if (!leads() || told_never_heard_ || now - begin_ < seconds) return unknown;
  told_never_heard_ = true;
  for (int r = rank_ + 1; r < ranks_; ++r)
    if (peer(r).heard < 0) unknown.push_back(r);
  return unknown;
}

std::string rank_ranges(const std::vector<int>& ranks) {
  std::string text;
  for (std::size_t i = 0; i < ranks.size();) {
    std::size_t end = i + 1;
    while (end < ranks.size() && ranks[end] == ranks[end - 1] + 1) ++end;
    text += text.empty() ? "" : ", ";
    text +=
        end - i == 1 ? fmt::format("{}", ranks[i]) : fmt::format("{}-{}", ranks[i], ranks[end - 1]);
    i = end;
  }
  return text;
}

}  // namespace ijepa
