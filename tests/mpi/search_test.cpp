#include "ijepa/tasks/search/search.hpp"

#include "ijepa/tasks/inference/infer.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

TEST(Search, HitsAreTheSameOnAnyNumberOfRanks) {
  IJEPA_RANKS(1, 2, 4);
  const TemporaryFolder own;  // rank 0's is everybody's
  const auto folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) {
    write_tiny_checkpoint(folder + "/run");
    write_pictures(folder + "/shards", {.images = 600});
  }
  ranks().barrier();
  InferSettings infer;
  infer.run = folder + "/run";
  infer.input = folder + "/shards";
  infer.out = folder + "/features";
  infer.threads = 1;
  infer_features(infer, ranks(), Log(1));
  SearchSettings settings;
  settings.features = infer.out;
  settings.all = true;
  const auto together = search_images(settings, ranks(), Log(1));
  if (ranks().rank() == 0) {
    const auto alone = search_images(settings, *local_communicator(), Log(1));
    ASSERT_EQ(together.hits.size(), 600U);
    for (std::size_t q = 0; q < 600; ++q)
      for (std::size_t h = 0; h < 10; ++h) {
        EXPECT_EQ(together.hits[q].at(h).image, alone.hits[q].at(h).image);
        EXPECT_EQ(together.hits[q].at(h).similarity, alone.hits[q].at(h).similarity);
      }
    EXPECT_EQ(together.precision.back().share, alone.precision.back().share);
  }
  ranks().barrier();
}

}  // namespace
}  // namespace ijepa::test
