#include "ijepa/tasks/features/features.hpp"

#include <algorithm>
#include <filesystem>

#include "ijepa/data/shards/shard_set.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa::test {
namespace {

TEST(Features, AreTheSameBitsOnAnyNumberOfRanks) {
  IJEPA_RANKS(1, 2, 4);
  const TemporaryFolder folder;  // every rank writes and reads the same pictures
  write_pictures(folder.path(), {.images = 22});
  const auto shards = ShardSet::open(folder.path().string());
  TinyEncoder encoder(1);
  const ExtractOptions options{{32, 32}, 4, 1};  // 6 batches: the last round is not full
  const auto together = extract_features(shards, encoder.maps(), options, ranks());
  ASSERT_EQ(together.size(), 3U);
  const auto alone = extract_features(shards, encoder.maps(), options, *local_communicator());
  for (std::size_t m = 0; m < alone.size(); ++m) {
    const auto& share = together[m];
    EXPECT_EQ(total_rows(share, ranks()), 22);
    for (std::int64_t row = 0; row < share.features.rows; ++row) {
      const auto place = share.place(row);
      EXPECT_TRUE(std::ranges::equal(share.features.row(row), alone[m].features.row(place))) << m;
      EXPECT_EQ(share.labels[static_cast<std::size_t>(row)],
                alone[m].labels[static_cast<std::size_t>(place)]);
    }
  }
}

TEST(Features, AnUnreadableImageIsToldToAllRanks) {
  IJEPA_RANKS(1, 2, 4);
  const TemporaryFolder folder;
  write_pictures(folder.path(), {.images = 22, .damaged = 5});
  const auto shards = ShardSet::open(folder.path().string());
  TinyEncoder encoder(1);
  EXPECT_THROW(extract_features(shards, encoder.maps(), {{32, 32}, 4, 1}, ranks()), AgreedError);
}

}  // namespace
}  // namespace ijepa::test
