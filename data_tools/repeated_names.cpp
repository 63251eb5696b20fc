#include "data_tools/repeated_names.hpp"

#include <algorithm>

#include "ijepa/data/shard_format.hpp"

namespace ijepa::tools {
namespace {

std::uint64_t hash_of(const std::string& path) {
  return hash_bytes(path.data(), path.size());
}

}  // namespace

void NameCounter::add(const std::string& path) {
  hashes_.push_back(hash_of(path));
}

std::unordered_map<std::uint64_t, std::int64_t> NameCounter::repeated() {
  std::sort(hashes_.begin(), hashes_.end());
  std::unordered_map<std::uint64_t, std::int64_t> counts;
  for (std::size_t begin = 0, end = 0; begin < hashes_.size(); begin = end) {
    while (end < hashes_.size() && hashes_[end] == hashes_[begin]) ++end;
    if (end - begin > 1) counts[hashes_[begin]] = static_cast<std::int64_t>(end - begin);
  }
  return counts;
}

bool RepeatedNames::comes_again(const std::string& path) {
  if (left_.empty()) return false;
  const auto at = left_.find(hash_of(path));
  return at != left_.end() && --at->second > 0;
}

}  // namespace ijepa::tools
