#include <algorithm>

#include "ijepa/tasks/classify_train.hpp"

namespace ijepa {

std::vector<StepShare> epoch_shares(std::int64_t images, std::int64_t batch, std::int64_t micro,
                                    std::int64_t rank, std::int64_t ranks) {
  const auto even = std::max<std::int64_t>(2, micro / 2 * 2);
  std::vector<StepShare> shares;
  for (std::int64_t first = 0, step = 0; first < images; first += batch, ++step) {
    const auto count = std::min(batch, images - first), pairs = (count + 1) / 2;
    const auto end = first + std::min(count, 2 * (pairs * (rank + 1) / ranks));
    for (auto at = first + 2 * (pairs * rank / ranks); at < end; at += even) {
      const auto size = std::min(even, end - at);
      shares.push_back({step, at, size, count, at + size == end});
    }
  }
  return shares;
}

}  // namespace ijepa
