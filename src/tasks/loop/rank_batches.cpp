#include "ijepa/tasks/loop/rank_batches.hpp"

#include <algorithm>

namespace ijepa {

std::vector<StepShare> step_shares(const EpochImages& epoch, std::int64_t rank,
                                   std::int64_t ranks) {
  const auto unit = epoch.unit, micro = std::max(unit, epoch.micro / unit * unit);
  std::vector<StepShare> shares;
  for (std::int64_t first = 0, step = 0; first < epoch.images; first += epoch.batch, ++step) {
    const auto count = std::min(epoch.batch, epoch.images - first);
    const auto units = (count + unit - 1) / unit;
    const auto edge = [&](std::int64_t r) {
      return first + std::min(count, unit * (units * r / ranks));
    };
    auto at = edge(rank);
    const auto end = edge(rank + 1);
    do {
      const auto size = std::min(micro, end - at);
      shares.push_back({step, at, size, count, at + size == end});
      at += size;
    } while (at < end);
  }
  return shares;
}

}  // namespace ijepa
