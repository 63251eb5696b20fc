#include "ijepa/tasks/prediction/sketch.hpp"

#include "ijepa/core/file.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"
#include "tests/tasks/prediction/decoder_fixture.hpp"

namespace ijepa::test {
namespace {

/// Largest difference of the averaged weights, over the largest of them.
double difference(const FinalState& a, const FinalState& b) {
  double worst = 0, largest = 0;
  for (const auto& [name, bytes] : a.tensors) {
    if (!name.starts_with("average_decoder/")) continue;
    const auto* x = reinterpret_cast<const float*>(bytes.data());
    const auto* y = reinterpret_cast<const float*>(b.tensors.at(name).data());
    for (std::size_t i = 0; i < bytes.size() / sizeof(float); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
      largest = std::max(largest, std::abs(static_cast<double>(x[i])));
    }
  }
  return worst / largest;
}

TEST(Decoder, LearnsAndDrawsTheSameOnAnyNumberOfRanks) {
  IJEPA_RANKS(2, 4);
  const TemporaryFolder own;  // rank 0's is everybody's
  const auto folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) {
    write_tiny_checkpoint(folder + "/run");
    write_pictures(folder + "/shards", {.images = 150});  // several batches of predictions
  }
  ranks().barrier();
  auto training = tiny_decoder(folder);
  auto drawing = tiny_sketch(folder);
  const StopSignal stop;
  EXPECT_TRUE(train_decoder(training, {}, stop, ranks(), Log(1)).finished);
  sketch_blocks(drawing, ranks(), Log(1));
  if (ranks().rank() == 0) {
    drawing.out = folder + "/sketch_alone";
    sketch_blocks(drawing, *local_communicator(), Log(1));
    for (const char* file : {"/sketch.csv", "/sketch.json", "/sketch.png"})
      EXPECT_EQ(read_text_file(folder + "/sketch" + file),
                read_text_file(folder + "/sketch_alone" + file));
    training.out = folder + "/alone";
    train_decoder(training, {}, stop, *local_communicator(), Log(1));
    const auto together = final_state(folder + "/decoder"), alone = final_state(folder + "/alone");
    ASSERT_FALSE(alone.tensors.empty());
    EXPECT_EQ(together.step, alone.step);
    EXPECT_EQ(together.tensors.at("statistics/crop_mean"),
              alone.tensors.at("statistics/crop_mean"));
    EXPECT_EQ(together.tensors.at("statistics/condition_mean"),
              alone.tensors.at("statistics/condition_mean"));
    EXPECT_LT(difference(together, alone), 1e-3);
  }
  ranks().barrier();
}

}  // namespace
}  // namespace ijepa::test
