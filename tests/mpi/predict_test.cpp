#include "ijepa/tasks/predict.hpp"

#include "ijepa/core/file.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

TEST(Predict, FindsTheSameBlocksOnAnyNumberOfRanks) {
  IJEPA_RANKS(2, 4);
  const TemporaryFolder own;  // rank 0's is everybody's
  const auto folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) {
    write_tiny_checkpoint(folder + "/run");
    write_pictures(folder + "/shards", {.images = 600});  // three batches of the bank
  }
  ranks().barrier();
  PredictSettings settings;
  settings.run = folder + "/run";
  settings.input = folder + "/shards";
  settings.queries = 5;
  settings.threads = 1;
  settings.out = folder + "/together";
  const auto together = predict_blocks(settings, ranks(), Log(1));
  EXPECT_EQ(together.others.candidates, 600);
  if (ranks().rank() == 0) {
    settings.out = folder + "/alone";
    predict_blocks(settings, *local_communicator(), Log(1));
    for (const char* file : {"/predict.csv", "/predict.json"})
      EXPECT_EQ(read_text_file(folder + "/together" + file),
                read_text_file(folder + "/alone" + file));
  }
  ranks().barrier();
}

}  // namespace
}  // namespace ijepa::test
