#include "timing.hpp"

#include <algorithm>
#include <limits>

#include "stream.hpp"

namespace ijepa::cuda {

std::vector<double> least_times(cudaStream_t stream, std::size_t ways,
                                const std::function<void(std::size_t)>& put) {
  constexpr int rounds = 3, repetitions = 4;
  const TimedEvent begin, end;
  std::vector<double> least(ways, std::numeric_limits<double>::infinity());
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < ways; ++i) {
      put(i);  // not timed: what comes before it left other data in the caches
      begin.record(stream);
      for (int n = 0; n < repetitions; ++n) put(i);
      end.record(stream);
      least[i] = std::min(least[i], end.microseconds_since(begin) / repetitions);
    }
  return least;
}

}  // namespace ijepa::cuda
