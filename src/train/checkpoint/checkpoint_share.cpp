#include "checkpoint_share.hpp"

#include <algorithm>

namespace ijepa {
namespace {

std::int64_t bytes_of(const StoredTensor& t) {
  return static_cast<std::int64_t>(t.bytes());
}

/// bytes * share / shares without overflow for any size that fits a disk.
std::int64_t cut(std::int64_t bytes, std::int64_t share, std::int64_t shares) {
  return bytes / shares * share + bytes % shares * share / shares;
}

}  // namespace

std::vector<TensorRange> share_of(const std::vector<StoredTensor>& tensors, int share, int shares) {
  std::int64_t total = 0;
  for (const auto& t : tensors) total += bytes_of(t);
  const std::int64_t low = cut(total, share, shares), high = cut(total, share + 1, shares);
  std::vector<TensorRange> ranges;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto element = static_cast<std::int64_t>(size_of(tensors[i].dtype));
    // An element belongs to the share in which its first byte lies.
    const auto index = [&](std::int64_t at) {
      return std::clamp<std::int64_t>((at - begin + element - 1) / element, 0, tensors[i].numel());
    };
    const std::int64_t first = low <= begin ? 0 : index(low);
    const std::int64_t end = high <= begin ? 0 : index(high);
    if (end > first) ranges.push_back({i, first, end - first});
    begin += bytes_of(tensors[i]);
  }
  return ranges;
}

std::vector<TensorRange> whole_tensors(const std::vector<StoredTensor>& tensors) {
  return share_of(tensors, 0, 1);
}

std::vector<std::vector<PieceIndex>> pieces_by_reader(
    const std::vector<const StoredTensor*>& tensors, int readers) {
  std::int64_t total = 0;
  for (const auto* t : tensors) total += bytes_of(*t);
  std::vector<std::vector<PieceIndex>> by_reader(static_cast<std::size_t>(readers));
  std::int64_t begin = 0;
  std::int64_t reader = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    for (std::size_t p = 0; p < tensors[i]->pieces.size(); ++p) {
      const auto bytes =
          tensors[i]->pieces[p].count * static_cast<std::int64_t>(size_of(tensors[i]->dtype));
      while (reader + 1 < readers && begin + bytes / 2 >= cut(total, reader + 1, readers)) ++reader;
      by_reader[static_cast<std::size_t>(reader)].push_back({i, p});
      begin += bytes;
    }
  }
  return by_reader;
}

}  // namespace ijepa
