#include "src/train/checkpoint/checkpoint_share.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ijepa::test {
namespace {

/// Odd sizes of several types, one scalar.
std::vector<StoredTensor> tensors() {
  return {{"g", "a", DType::f32, {7, 33}, {}},
          {"g", "b", DType::f64, {5}, {}},
          {"g", "c", DType::bf16, {1, 3}, {}},
          {"g", "d", DType::i32, {}, {}},
          {"g", "e", DType::f32, {1000}, {}}};
}

std::int64_t bytes_in(const std::vector<TensorRange>& ranges) {
  std::int64_t bytes = 0;
  for (const auto& r : ranges)
    bytes += r.count * static_cast<std::int64_t>(size_of(tensors()[r.tensor].dtype));
  return bytes;
}

TEST(CheckpointShare, EveryElementIsInOneShareAndSharesAreEqual) {
  const auto all = tensors();
  std::int64_t total = 0;
  for (const auto& t : all) total += static_cast<std::int64_t>(t.bytes());
  for (const int shares : {1, 2, 3, 4, 7, 128}) {
    std::vector<std::int64_t> next(all.size());
    for (int s = 0; s < shares; ++s) {
      const auto ranges = share_of(all, s, shares);
      EXPECT_LE(std::abs(bytes_in(ranges) * shares - total), 8 * shares) << s << " of " << shares;
      for (const auto& r : ranges) {
        EXPECT_EQ(r.first, next[r.tensor]) << "without gap or overlap";
        EXPECT_GT(r.count, 0);
        next[r.tensor] += r.count;
      }
    }
    for (std::size_t t = 0; t < all.size(); ++t) EXPECT_EQ(next[t], all[t].numel()) << shares;
  }
}

TEST(CheckpointShare, MoreSharesThanElementsLeavesSomeEmpty) {
  const std::vector<StoredTensor> one{{"g", "a", DType::f64, {2}, {}}};
  std::int64_t elements = 0;
  for (int s = 0; s < 5; ++s)
    for (const auto& r : share_of(one, s, 5)) elements += r.count;
  EXPECT_EQ(elements, 2);
}

TEST(CheckpointShare, WholeTensorsAreOneRangeEach) {
  const auto ranges = whole_tensors(tensors());
  ASSERT_EQ(ranges.size(), tensors().size());
  for (std::size_t i = 0; i < ranges.size(); ++i)
    EXPECT_EQ(ranges[i], (TensorRange{i, 0, tensors()[i].numel()}));
}

TEST(CheckpointShare, ReadersTakeEveryPieceOnceAndAboutEqualBytes) {
  // As four ranks wrote it.
  auto all = tensors();
  for (int part = 0; part < 4; ++part)
    for (const auto& r : share_of(tensors(), part, 4))
      all[r.tensor].pieces.push_back({static_cast<std::size_t>(part), r.first, r.count, 0, 0});
  std::vector<const StoredTensor*> wanted;
  for (const auto& t : all) wanted.push_back(&t);
  for (const int readers : {1, 2, 3, 4, 9}) {
    std::vector<std::pair<std::size_t, std::size_t>> seen;
    std::int64_t most = 0;
    for (const auto& pieces : pieces_by_reader(wanted, readers)) {
      std::int64_t bytes = 0;
      for (const auto& [t, p] : pieces) {
        seen.emplace_back(t, p);
        bytes += all[t].pieces[p].count * static_cast<std::int64_t>(size_of(all[t].dtype));
      }
      most = std::max(most, bytes);
    }
    std::size_t pieces = 0;
    for (const auto& t : all) pieces += t.pieces.size();
    EXPECT_EQ(seen.size(), pieces);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    EXPECT_TRUE(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    // At most a share and the largest piece.
    EXPECT_LE(most, bytes_in(whole_tensors(tensors())) / readers + 1300) << readers;
  }
}

}  // namespace
}  // namespace ijepa::test
