// Datagrams to one rank of five, some of them beats in form, between its own beats and judgements.
#include "src/comm/roll_call.hpp"
#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa;
  constexpr int rank = 2, ranks = 5;
  fuzz::Bytes bytes(data, size);
  RollCall roll_call(rank, ranks, 0);
  const WatchLimits limits{
      .silence = 10, .standstill = 60, .stop_grace = 30, .notice = 5, .on_hang = {}};
  for (double now = 0; !bytes.empty();) {
    now += fuzz::take<std::uint8_t>(bytes) / 16.0;
    const auto datagram = bytes.first(std::min(sizeof(Beat), bytes.size()));
    bytes = bytes.subspan(datagram.size());
    if (const auto beat = beat_of(std::as_bytes(datagram), ranks); beat && beat->to == rank)
      static_cast<void>(roll_call.hear(*beat, now));
    RankState own;
    own.progress = static_cast<std::uint64_t>(now);
    for (const int to : roll_call.beat(now, own))
      if (to < 0 || to >= ranks) std::abort();
    if (roll_call.leader_told(now) < 0 || roll_call.leader_told(now) >= ranks) std::abort();
    for (const int late : roll_call.judge(now, limits).late)
      if (roll_call.state(late).phase > Phase::ending) std::abort();
    if (const auto wait = roll_call.waiting(now, limits.notice))
      static_cast<void>(rank_ranges(wait->late));
    static_cast<void>(roll_call.never_heard(now, 30));
  }
  return 0;
}
