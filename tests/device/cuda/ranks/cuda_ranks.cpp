// Several emulated GPUs, one a rank: gradients are summed on the devices and training follows that
// of CPUs. The double of NCCL stands in for NCCL; the code that calls it is the real one.
#include <numeric>

#include "ijepa/train/step/step_gradients.hpp"
#include "src/comm/nccl/nccl_reducer.hpp"
#include "tests/mpi/ranked_run.hpp"
#include "tests/support/cuda_emulation/control.hpp"

namespace ijepa::test {
namespace {

using namespace std::chrono_literals;

std::int64_t long_run() {
  return emulation::checks_races() ? 1 : 3;
}

class CudaRanks : public RankedRun {
 protected:
  CudaRanks() {
    emulation::machine() = {.devices = 4};
    emulation::collectives() = {.ranks = &ranks()};
  }

  PretrainRecipe recipe_on(DeviceChoice device, const std::string& run) const {
    PretrainRecipe r = recipe(run);
    r.compute.device = device;
    return r;
  }

  /// The message with which this rank refuses to connect the ranks; empty when it does not.
  static std::string refusal(const nccl::NcclOptions& options = {}) {
    const auto device = make_device({.name = "cuda"});
    try {
      nccl::make_nccl_reducer(ranks(), device->compute_stream(), options);
    } catch (const AgreedError& e) {
      return e.what();
    }
    return "";
  }

  /// The message after a step's sums; the host waits for the device in between.
  static std::string failure_of_sums(const nccl::NcclOptions& options) {
    const auto device = make_device({.name = "cuda"});
    const Buffer memory(*device, 1024);
    const Tensor x = make_tensor(memory.data(), DType::f32, {256});
    device->ops().fill_zero(x);
    const auto reducer = nccl::make_nccl_reducer(ranks(), device->compute_stream(), options);
    try {
      reducer->sum_async(x);
      reducer->join();
      device->ops().synchronize();
      reducer->settle();
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

/// Work before and after the sums on the compute stream, buckets of every size: ordered by events
/// alone, under several schedules.
TEST_F(CudaRanks, SumWhatTheDeviceMadeAndHandItBack) {
  constexpr std::int64_t n = 3001;
  const auto device = make_device({.name = "cuda"});
  const Buffer gradient_memory(*device, n * 4), twice_memory(*device, n * 4);
  const Tensor gradient = make_tensor(gradient_memory.data(), DType::f32, {n});
  const Tensor twice = make_tensor(twice_memory.data(), DType::f32, {n});
  const auto reducer = make_bucket_reducer(ranks(), *device);
  GradSync sync(*reducer, gradient, {.bucket_bytes = 4000, .first_bucket_bytes = 400});
  Ops& ops = device->ops();
  std::vector<float> mine(n), sums(n), expected(n);
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    emulation::reseed(seed * 10 + static_cast<std::uint64_t>(ranks().rank()));
    std::iota(mine.begin(), mine.end(), static_cast<float>(ranks().rank() + 1));
    ops.upload(mine.data(), twice);
    ops.copy(twice, gradient);
    for (const std::int64_t offset : {2950, 1800, 7}) sync.ready_down_to(offset);
    sync.finish();
    ops.add(gradient, gradient, twice);
    ops.download(twice, sums.data());
    ops.synchronize();
    reducer->settle();
    const int all = ranks().size();
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i] = static_cast<float>(2 * all * static_cast<int>(i) + all * (all + 1));
    ASSERT_EQ(sums, expected);
  }
  EXPECT_EQ(emulation::collectives().sums, 8U * 4U);  // buckets of 100, 1000, 1000 and 901
}

TEST_F(CudaRanks, FollowTheLossesOfCpus) {
  train(recipe_on(DeviceChoice::cpu, "cpu"), long_run());
  train(recipe_on(DeviceChoice::cuda, "cuda"), long_run());
  if (first())
    expect_close_losses(losses(run_folder("cpu")), losses(run_folder("cuda")), 2e-5, "float32");
}

TEST_F(CudaRanks, FollowTheLossesOfCpusInBfloat16WithEveryOption) {
  const auto mixed = [&](DeviceChoice device, const char* name) {
    PretrainRecipe r = recipe_on(device, name);
    r.compute.precision = DType::bf16;
    r.compute.recompute = Recompute::block;
    r.optim.micro_batch = 2;
    r.optim.clip_grad = 1;
    return r;
  };
  train(mixed(DeviceChoice::cpu, "cpu"), long_run());
  train(mixed(DeviceChoice::cuda, "cuda"), long_run());
  if (first())
    expect_close_losses(losses(run_folder("cpu")), losses(run_folder("cuda")), 1e-2, "bfloat16");
}

TEST_F(CudaRanks, ResumeWithTheSameBitsUnderAnySchedule) {
  const auto train_seeded = [&](std::uint64_t seed, const char* run, std::int64_t steps) {
    emulation::reseed(seed + static_cast<std::uint64_t>(ranks().rank()));
    train(recipe_on(DeviceChoice::cuda, run), steps);
  };
  train_seeded(5, "straight", 2);
  train_seeded(60, "parts", 1);
  train_seeded(70, "parts", 2);
  if (first()) expect_same_run(run_folder("straight"), run_folder("parts"), "resumed");
}

TEST_F(CudaRanks, RefuseToStartInOneSentence) {
  IJEPA_RANKS(2, 4);
  emulation::collectives().installed = ranks().rank() == 0;
  EXPECT_NE(refusal().find("libnccl.so.2 was not found"), std::string::npos) << refusal();
  emulation::collectives() = {.ranks = &ranks(), .version = 21500};
  EXPECT_NE(refusal().find("NCCL is of version code 21500, but 21800 (2.18) or newer is needed"),
            std::string::npos);
  emulation::collectives() = {.ranks = &ranks(), .connects = false};
  EXPECT_NE(refusal({.connect_timeout = 50ms}).find("NCCL got nowhere at connecting the ranks"),
            std::string::npos);
  EXPECT_EQ(emulation::collectives().aborts, 1U);
}

TEST_F(CudaRanks, AbortSumsThatHangOrFail) {
  IJEPA_RANKS(2, 4);
  emulation::collectives().hangs = true;
  EXPECT_EQ(failure_of_sums({.sum_timeout = 1000ms}),
            "The sums of a step's gradients were not done after 1 s: a rank does not take part.");
  EXPECT_EQ(emulation::collectives().aborts, 1U);
  emulation::collectives() = {.ranks = &ranks()};
  emulation::collectives().fails = true;
  EXPECT_NE(failure_of_sums({}).find("remote process exited or there was a network error"),
            std::string::npos);
}

TEST_F(CudaRanks, NeedAGpuEach) {
  IJEPA_RANKS(2, 4);
  emulation::machine() = {.devices = 1};
  std::string message;
  try {
    train(recipe_on(DeviceChoice::cuda, "few"), 1);
  } catch (const AgreedError& e) {
    message = e.what();
  }
  EXPECT_NE(message.find("would use the same GPU"), std::string::npos) << message;
}

}  // namespace
}  // namespace ijepa::test
