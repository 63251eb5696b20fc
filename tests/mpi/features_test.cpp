#include "ijepa/tasks/features.hpp"

#include <filesystem>

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
  if (ranks().rank() > 0) {
    for (const auto& set : together) EXPECT_EQ(set.features.rows, 0);
    return;
  }
  const auto alone = extract_features(shards, encoder.maps(), options, *local_communicator());
  for (std::size_t m = 0; m < alone.size(); ++m) {
    EXPECT_EQ(together[m].labels, alone[m].labels);
    EXPECT_EQ(together[m].features.rows, 22);
    EXPECT_EQ(together[m].features.values, alone[m].features.values) << m;
  }
}

}  // namespace
}  // namespace ijepa::test
