// Which datagrams are beats: whatever else comes must not be read as one.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>

#include "src/comm/roll_call.hpp"

namespace ijepa {
namespace {

constexpr int ranks = 5;
using Datagram = std::array<std::byte, sizeof(Beat)>;

Datagram datagram_of(const Beat& beat) {
  Datagram bytes{};
  std::memcpy(bytes.data(), &beat, sizeof beat);
  return bytes;
}

Beat sound() {
  Beat beat;
  beat.token = 9;
  beat.from = 3;
  beat.to = 2;
  beat.leader = 1;
  beat.interval = 0.5;
  beat.state.step = 7;
  beat.state.phase = Phase::saving;
  beat.state.stopping = true;
  return beat;
}

template <class Change>
bool is_beat(const Change& change) {
  Beat beat = sound();
  change(beat);
  return beat_of(datagram_of(beat), ranks).has_value();
}

TEST(BeatOf, GivesBackWhatWasSent) {
  const auto beat = beat_of(datagram_of(sound()), ranks);
  ASSERT_TRUE(beat.has_value());
  EXPECT_EQ(beat->from, 3);
  EXPECT_EQ(beat->leader, 1);
  EXPECT_EQ(beat->state.step, 7);
  EXPECT_EQ(beat->state.phase, Phase::saving);
  EXPECT_TRUE(beat->state.stopping);
  EXPECT_TRUE(is_beat([](Beat& b) { b.kind = Beat::Kind::end, b.code = 86; }));
}

TEST(BeatOf, RefusesRanksThatDoNotExist) {
  for (const int rank : {-1, ranks, 1 << 30}) {
    EXPECT_FALSE(is_beat([&](Beat& b) { b.from = rank; })) << rank;
    EXPECT_FALSE(is_beat([&](Beat& b) { b.to = rank; })) << rank;
    EXPECT_FALSE(is_beat([&](Beat& b) { b.leader = rank; })) << rank;
  }
}

TEST(BeatOf, RefusesTimesAndCodesThatAreNone) {
  for (const double seconds : {-1.0, 1e300, std::nan("")}) {
    EXPECT_FALSE(is_beat([&](Beat& b) { b.interval = seconds; })) << seconds;
    EXPECT_FALSE(is_beat([&](Beat& b) { b.state.phase_seconds = seconds; })) << seconds;
  }
  for (const int code : {0, -1, 256})
    EXPECT_FALSE(is_beat([&](Beat& b) { b.kind = Beat::Kind::end, b.code = code; })) << code;
}

TEST(BeatOf, RefusesBytesThatAreNoValueOfAField) {
  for (const auto& [offset, value] : {std::pair{offsetof(Beat, kind), 4},
                                      {offsetof(Beat, kind) + 3, 1},
                                      {offsetof(Beat, state) + offsetof(RankState, phase), 10},
                                      {offsetof(Beat, state) + offsetof(RankState, stopping), 2}}) {
    auto bytes = datagram_of(sound());
    bytes[offset] = static_cast<std::byte>(value);
    EXPECT_FALSE(beat_of(bytes, ranks).has_value()) << offset;
  }
  const auto bytes = datagram_of(sound());
  EXPECT_FALSE(beat_of(std::span(bytes).first(bytes.size() - 1), ranks).has_value());
}

TEST(BeatOf, NobodyFollowsARankThatDoesNotExist) {
  RollCall rank(2, ranks, 0);
  Beat beat = sound();
  beat.kind = Beat::Kind::answer;
  beat.from = 0;
  for (const int leader : {-1, 4}) {
    beat.leader = leader;
    if (const auto heard = beat_of(datagram_of(beat), ranks)) rank.hear(*heard, 1);
    EXPECT_GE(rank.leader(), 0);
    EXPECT_LT(rank.leader(), ranks);
  }
}

}  // namespace
}  // namespace ijepa
