// parallel_for: static ranges on the OpenMP threads of this process. Work is cut the same way
// whatever the number of threads wherever partial results are added, so sums do not depend on it.
#pragma once
#include <algorithm>
#include <cstdint>

#ifdef __SANITIZE_THREAD__
#include "ijepa/core/parallel.hpp"
#endif

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
  const auto piece = [&](std::int64_t p) { f(p, n * p / pieces, n * (p + 1) / pieces); };
#ifdef __SANITIZE_THREAD__
  // libgomp is not built for the thread sanitizer, which would take its forks and joins for races.
  ijepa::parallel_for(static_cast<std::size_t>(pieces), static_cast<int>(pieces),
                      [&](std::size_t p) { piece(static_cast<std::int64_t>(p)); });
#else
#pragma omp parallel for num_threads(static_cast <int>(pieces)) schedule(static)
  for (std::int64_t p = 0; p < pieces; ++p) piece(p);
#endif
}

/// Calls f(begin, end) for such pieces.
template <class F>
void parallel_for(int threads, std::int64_t n, std::int64_t grain, F&& f) {
  parallel_pieces(threads, n, grain,
                  [&](std::int64_t, std::int64_t begin, std::int64_t end) { f(begin, end); });
}

}  // namespace ijepa::cpu
