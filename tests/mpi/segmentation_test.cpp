#include "ijepa/tasks/segmentation/infer_images.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/segmentation/pair_folders.hpp"
#include "tests/tasks/segmentation/small_video.hpp"

namespace ijepa::test {
namespace {

/// Sums of gradients are added in another order.
constexpr double order_of_sums = 1e-4;

void expect_equal(const EpochScores& a, const EpochScores& b) {
  EXPECT_NEAR(a.loss, b.loss, order_of_sums * b.loss);
  EXPECT_NEAR(a.scores.pixel_accuracy, b.scores.pixel_accuracy, 2e-3);
  EXPECT_NEAR(a.compat.loss, b.compat.loss, order_of_sums * b.compat.loss);
}

TEST(Segmentation, GivesTheSameOnAnyNumberOfRanks) {
  IJEPA_RANKS(1, 2, 4);
  const TemporaryFolder own;  // rank 0's is everybody's
  const std::filesystem::path folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) write_block_data(folder);
  ranks().barrier();
  auto settings = block_settings(folder);
  settings.batch = 5;  // does not divide
  settings.fine_tune = true;
  settings.learning_rate = 1e-3;
  settings.out = folder / "together";
  const auto together = train_segmentation(settings, ranks(), Log(1));
  if (ranks().rank() == 0) {
    settings.out = folder / "alone";
    const auto alone = train_segmentation(settings, *local_communicator(), Log(1));
    for (std::size_t e = 0; e < alone.epochs.size(); ++e) {
      expect_equal(together.epochs[e].train, alone.epochs[e].train);
      expect_equal(together.epochs[e].valid, alone.epochs[e].valid);
    }
    write_small_video(folder / "a.avi", 6);
  }
  ranks().barrier();

  SegmentInferSettings infer;
  infer.weights = folder / "together/last_model";
  infer.open.threads = 1;
  infer.masks = true;
  const auto both = [&](const std::string& out, Communicator& comm) {
    infer.out = folder / out;
    infer.input = folder / "valid/images";
    const auto images = segment_images(infer, comm, Log(1));
    infer.input = folder / "a.avi";
    const auto video = segment_video(infer, comm, Log(1));
    EXPECT_EQ(images.images, 5);
    EXPECT_EQ(video.images, 6);
    return std::pair{images.pixels, video.pixels};
  };
  const auto shared = both("shared", ranks());
  if (ranks().rank() == 0) {
    EXPECT_EQ(both("single", *local_communicator()), shared);
    for (const char* file : {"masks/p113.png", "overlays/p116.png", "classes.csv"})
      EXPECT_EQ(read_bytes(folder / "shared" / file), read_bytes(folder / "single" / file)) << file;
    EXPECT_EQ(frames_of(folder / "shared/a.mp4"), 6);
  }
  ranks().barrier();
}

}  // namespace
}  // namespace ijepa::test
