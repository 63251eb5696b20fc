// Whole runs of the trainer on the emulated device.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ijepa/device/gpu_memory.hpp"
#include "ijepa/train/fit/attention_ahead.hpp"
#include "ijepa/train/fit/replay.hpp"
#include "ijepa/train/fit/trainer.hpp"
#include "ijepa/train/step/memory_plan.hpp"
#include "tests/support/cuda_emulation/control.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {
namespace {

/// The race build looks at every access, so it does less.
std::int64_t long_run() {
  return emulation::checks_races() ? 2 : 6;
}

class CudaTraining : public testing::Test {
 protected:
  CudaTraining() { write_tiny_shard((folder_.path() / "shards").string(), tiny_images); }

  std::filesystem::path run_folder(const std::string& name) const { return folder_.path() / name; }

  PretrainRecipe recipe(const std::string& run, DeviceChoice device) const {
    PretrainRecipe r = tiny_recipe((folder_.path() / "shards").string(), run_folder(run).string());
    r.compute.device = device;
    return r;
  }

  /// Trains until `steps` are done, going on from what the folder holds; the emulation's counts.
  static emulation::Stats train(PretrainRecipe recipe, std::int64_t steps) {
    recipe.optim.max_steps = steps;
    resolve(recipe);
    emulation::stats() = {};
    const auto comm = local_communicator();
    const StopSignal stop;
    Trainer trainer(recipe, {}, *comm, stop, Log(1));
    EXPECT_EQ(trainer.run(), Outcome::finished);
    return emulation::stats();
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(CudaTraining, FollowsTheCpu) {
  train(recipe("cpu", DeviceChoice::cpu), long_run());
  train(recipe("cuda", DeviceChoice::cuda), long_run());
  expect_close_losses(losses(run_folder("cpu")), losses(run_folder("cuda")), 2e-5, "float32");
}

TEST_F(CudaTraining, FollowsTheCpuWithPooledLossesAndAJointPredictor) {
  const auto pooled = [&](const char* name, DeviceChoice device) {
    PretrainRecipe r = recipe(name, device);
    r.loss = {1, 1, 0.5, 1, TargetScaling::centred, 2};
    r.model.predictor.joint = true;
    r.model.predictor.depth = 2;
    return r;
  };
  train(pooled("cpu", DeviceChoice::cpu), long_run());
  train(pooled("cuda", DeviceChoice::cuda), long_run());
  expect_close_losses(losses(run_folder("cpu")), losses(run_folder("cuda")), 2e-5, "float32");
}

TEST_F(CudaTraining, FollowsTheCpuWithMuon) {
  const auto moved = [&](const char* name, DeviceChoice device) {
    PretrainRecipe r = recipe(name, device);
    r.optim.optimizer = MatrixOptimizer::muon;
    return r;
  };
  train(moved("cpu", DeviceChoice::cpu), long_run());
  train(moved("cuda", DeviceChoice::cuda), long_run());
  expect_close_losses(losses(run_folder("cpu")), losses(run_folder("cuda")), 1e-4, "float32");
}

TEST_F(CudaTraining, FollowsTheCpuInBfloat16WithEveryOption) {
  const auto mixed = [&](const char* name, DeviceChoice device) {
    PretrainRecipe r = recipe(name, device);
    r.compute.precision = DType::bf16;
    r.compute.recompute = Recompute::block;
    r.optim.micro_batch = 8;
    r.model.encoder.drop_path = 0.2;
    r.optim.clip_grad = 1;
    r.loss = {1, 1};
    return r;
  };
  train(mixed("cpu", DeviceChoice::cpu), long_run());
  train(mixed("cuda", DeviceChoice::cuda), long_run());
  expect_close_losses(losses(run_folder("cpu")), losses(run_folder("cuda")), 1e-2, "bfloat16");
}

/// The explanations of steps that were not finite, and of the first one its replay.
std::pair<std::vector<std::string>, std::string> explained(const PretrainRecipe& recipe) {
  std::ifstream file(std::filesystem::path(recipe.run.dir) / "events.jsonl");
  std::pair<std::vector<std::string>, std::string> found;
  for (std::string line; std::getline(file, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event.contains("explanation")) found.first.push_back(event.at("explanation"));
    if (event.contains("replay")) found.second = event.at("replay");
  }
  return found;
}

TEST_F(CudaTraining, AStepThatIsNotFiniteNamesItsOperationAndLeavesTheRunAsItIs) {
  write_poisoned_shard(run_folder("poisoned"), poisoned_images);
  for (const DType precision : {DType::f32, DType::bf16}) {
    const auto poisoned = [&](const std::string& name) {
      PretrainRecipe r = recipe(name + name_of(precision), DeviceChoice::cuda);
      poison(r);
      r.data.shards = run_folder("poisoned").string();
      r.compute.precision = precision;
      r.optim.micro_batch = 8;
      return r;
    };
    const PretrainRecipe repeated = poisoned("repeated");
    PretrainRecipe plain = poisoned("plain");
    plain.run.keep_replays = 0;
    train(repeated, long_run());
    train(plain, long_run());
    expect_same_run(plain.run.dir, repeated.run.dir, name_of(precision));
    const auto [said, file] = explained(repeated);
    ASSERT_FALSE(said.empty());
    EXPECT_NE(said.front().find("gather_patches"), std::string::npos) << said.front();
    const auto comm = local_communicator();
    EXPECT_EQ(replay(file, {}, {}, *comm, Log(1)).said, said.front());
  }
}

TEST_F(CudaTraining, ClipsGradients) {
  PretrainRecipe r = recipe("clipped", DeviceChoice::cuda);
  r.optim.clip_grad = 1e-2;
  train(r, 1);
  EXPECT_NEAR(gradient_of_first_step(r), 1e-2, 1e-7);
}

TEST_F(CudaTraining, AResumedRunHasTheSameBitsUnderAnySchedule) {
  emulation::reseed(5);
  train(recipe("straight", DeviceChoice::cuda), 3);
  emulation::reseed(6);
  train(recipe("parts", DeviceChoice::cuda), 1);
  train(recipe("parts", DeviceChoice::cuda), 3);
  expect_same_run(run_folder("straight"), run_folder("parts"), "resumed");
}

/// The double of cuDNN compiles nothing, so it does not matter that it may be told late.
TEST_F(CudaTraining, AttentionIsForetoldWithoutExceptionAndWithoutExcess) {
  PretrainRecipe r = recipe("foretold", DeviceChoice::cuda);
  r.compute.precision = DType::bf16;
  r.optim.micro_batch = 8;
  r.run.health_every = 0;
  r.model.predictor.depth = 2;
  r.optim.max_steps = long_run();
  resolve(r);
  emulation::attention() = {};
  train(r, long_run());
  const auto computed = emulation::attention().computed;
  EXPECT_GE(computed.size(), 4U);
  emulation::attention() = {};
  const auto device = make_device({.name = "cuda"});
  const RunPlan plan = plan_run(r, tiny_images, 1);
  for (std::int64_t step = 0; step < plan.total_steps; ++step)
    for (const AttentionUse& use : attention_of_step(r, plan, step, 0))
      device->prepare_attention(use);
  EXPECT_EQ(emulation::attention().prepared, computed);
}

TEST_F(CudaTraining, TheTrainerTellsTheDevice) {
  PretrainRecipe r = recipe("tells", DeviceChoice::cuda);
  r.compute.precision = DType::bf16;
  emulation::attention() = {};
  train(r, 1);
  EXPECT_FALSE(emulation::attention().prepared.empty());
}

/// With one algorithm nothing is timed, which would take long here; what is found is kept as ever.
TEST_F(CudaTraining, MeasuredAlgorithmsAreKeptInTheRunFolder) {
  emulation::products() = {};
  emulation::products().algorithms = {{.id = 7, .microseconds = 30}};
  const auto measured = [&](const char* name) {
    PretrainRecipe r = recipe(name, DeviceChoice::cuda);
    r.compute.product_algorithms = ProductAlgorithms::measured;
    return r;
  };
  train(measured("one"), 2);
  const auto file = run_folder("one") / "product_algorithms.jsonl";
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_GT(emulation::products().suggestions, 10U);
  std::filesystem::create_directory(run_folder("two"));
  std::filesystem::copy(file, run_folder("two"));
  emulation::products().suggestions = 0;
  train(measured("two"), 2);
  EXPECT_EQ(emulation::products().suggestions, 0U);
  emulation::products() = {};
}

/// The device runs ahead of the host: only what the host reads is waited for.
TEST_F(CudaTraining, AStepAllocatesNothingAndWaitsForItsScalarsOnly) {
  const auto two = train(recipe("two", DeviceChoice::cuda), 2);
  const auto four = train(recipe("four", DeviceChoice::cuda), 4);
  EXPECT_EQ(two.allocations, four.allocations);
  EXPECT_LE(four.waits - two.waits, 2 * 4);
  EXPECT_GT(four.launches - two.launches, 100);
}

/// What the emulated GPU holds once all is allocated. The double of cuDNN has no workspace; that is
/// of a fixed size, and a test of cuDNN's plans checks it.
TEST_F(CudaTraining, TakesTheMemoryThatTheDryRunTells) {
  PretrainRecipe r = recipe("memory", DeviceChoice::cuda);
  resolve(r);
  const auto comm = local_communicator();
  const StopSignal stop;
  const Trainer trainer(r, {}, *comm, stop, Log(1));
  std::size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  const MemoryPlan plan =
      plan_memory(IJepa(r.model.encoder, r.model.predictor), r, r.optim.global_batch);
  // What is of a fixed size would hide the rest.
  const auto planned = static_cast<double>(plan.total() - plan.libraries);
  const std::size_t taken = total - free - gpu_memory.products - gpu_memory.reductions;
  EXPECT_NEAR(static_cast<double>(taken), planned, 0.05 * planned);
}

class CudaMemory : public CudaTraining {
 protected:
  ~CudaMemory() override { emulation::machine() = {}; }

  /// The message of a run whose GPU has just room for micro-batches of `images`.
  std::string refusal(std::int64_t images) const {
    PretrainRecipe r = recipe("full", DeviceChoice::cuda);
    resolve(r);
    const MemoryPlan plan = plan_memory(IJepa(r.model.encoder, r.model.predictor), r, images);
    emulation::machine().memory = plan.total() - gpu_memory.attention + 4096;
    try {
      train(r, 1);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(CudaMemory, TooLargeAMicroBatchIsRefusedWithOneThatFits) {
  const std::string message = refusal(5);
  EXPECT_EQ(message.rfind("Micro-batches of 16 images need ", 0), 0U) << message;
  EXPECT_NE(message.find("set optim.micro_batch = 4, the largest that fits."), std::string::npos)
      << message;
}

TEST_F(CudaMemory, TooLargeAModelIsRefused) {
  emulation::machine().memory = gpu_memory.products + gpu_memory.reductions + 65536;
  std::string message;
  try {
    train(recipe("full", DeviceChoice::cuda), 1);
  } catch (const Error& e) {
    message = e.what();
  }
  EXPECT_NE(message.find("single images need"), std::string::npos) << message;
}

}  // namespace
}  // namespace ijepa::test
