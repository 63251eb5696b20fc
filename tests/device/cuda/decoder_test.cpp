// A decoder of a predictor's blocks, trained and asked on the emulated device.
#include <gtest/gtest.h>

#include "ijepa/core/file.hpp"
#include "ijepa/tasks/prediction/sketch.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "ijepa/train/fit/trainer.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {
namespace {

class CudaDecoder : public testing::Test {
 protected:
  CudaDecoder() { write_tiny_shard(path("shards"), 20); }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  /// A run of one step, and a decoder of a few.
  TrainDecoderResult train(const std::string& name, DeviceChoice device) {
    PretrainRecipe r = tiny_recipe(path("shards"), path(name));
    r.compute.device = device;
    r.optim.max_steps = 1;
    resolve(r);
    const auto comm = local_communicator();
    const StopSignal stop;
    Trainer(r, {}, *comm, stop, Log(1)).run();
    TrainDecoderSettings s;
    s.run = path(name);
    s.input = path("shards");
    s.out = path(name + "_decoder");
    s.width = 16;
    s.depth = 1;
    s.heads = 2;
    s.steps = 3;
    s.batch = 4;
    s.images = 4;
    s.threads = 1;
    return train_decoder(s, {}, stop, *comm, Log(1));
  }

  SketchResult sketch(const std::string& name) {
    SketchSettings s;
    s.decoder = path(name + "_decoder");
    s.input = path("shards");
    s.out = path(name + "_sketch");
    s.queries = 2;
    s.samples = 2;
    s.steps = 2;
    s.shown = 1;
    s.threads = 1;
    return sketch_blocks(s, *local_communicator(), Log(1));
  }

  TemporaryFolder folder_;
};

TEST_F(CudaDecoder, FollowsTheCpu) {
  const auto cpu = train("cpu", DeviceChoice::cpu), cuda = train("cuda", DeviceChoice::cuda);
  EXPECT_EQ(cuda.step, 3);
  EXPECT_NEAR(cuda.last.loss, cpu.last.loss, 1e-4 * cpu.last.loss);
  EXPECT_NEAR(cuda.last.pixelwise, cpu.last.pixelwise, 1e-5 * cpu.last.pixelwise);
  const auto expected = sketch("cpu"), drawn = sketch("cuda");
  for (std::size_t t = 0; t < told_count; ++t) {
    EXPECT_NEAR(drawn.mean.at(t).error, expected.mean.at(t).error, 0.1);
    EXPECT_NEAR(drawn.mean.at(t).deviation, expected.mean.at(t).deviation, 0.1);
  }
}

}  // namespace
}  // namespace ijepa::test
