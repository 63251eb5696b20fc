// parallel_for: static ranges on the caller's team of threads. Work is cut the same way whatever
// the number of threads wherever partial results are added, so sums do not depend on it.
#pragma once
#include <algorithm>
#include <cstdint>

#include "team.hpp"

namespace ijepa::cpu {

/// `bytes`, so that the scratch of two threads shares no cache line.
constexpr std::int64_t aligned(std::int64_t bytes) {
  return (bytes + 255) / 256 * 256;
}

/// Calls f(piece, begin, end) for pieces 0, 1, ... of [0, n): at most one a thread, none below
/// `grain` elements. The piece says which scratch is the caller's own.
template <class F>
void parallel_pieces(int threads, std::int64_t n, std::int64_t grain, F&& f) {
  const std::int64_t pieces =
      std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, threads);
  if (pieces == 1) {
    if (n > 0) f(std::int64_t{0}, std::int64_t{0}, n);
    return;
  }
  Team::own().run(pieces, [&](std::int64_t p) { f(p, n * p / pieces, n * (p + 1) / pieces); });
}

/// Calls f(begin, end) for such pieces.
template <class F>
void parallel_for(int threads, std::int64_t n, std::int64_t grain, F&& f) {
  parallel_pieces(threads, n, grain,
                  [&](std::int64_t, std::int64_t begin, std::int64_t end) { f(begin, end); });
}

}  // namespace ijepa::cpu
