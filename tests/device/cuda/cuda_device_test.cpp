// What the device "cuda" says of machines that cannot serve it, and how host data reaches it.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "ijepa/device/device.hpp"
#include "tests/support/cuda_emulation/control.hpp"

namespace ijepa::test {
namespace {

/// An emulated machine for the length of a test.
class CudaDevice : public testing::Test {
 protected:
  ~CudaDevice() override { emulation::machine() = {}; }

  static std::string error_of(const std::string& name) {
    try {
      make_device({.name = name});
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(CudaDevice, DescribesTheGpu) {
  EXPECT_EQ(make_device({.name = "cuda"})->describe(),
            "cuda, emulated GPU, 8 GiB, compute capability 8.0");
  EXPECT_FALSE(make_device({.name = "cuda:0"})->memory_is_host());
}

TEST_F(CudaDevice, SaysWhatTheMachineLacks) {
  emulation::machine() = {.count_status = cudaErrorNoDevice, .devices = 0};
  EXPECT_EQ(error_of("cuda").rfind("This machine has no GPU that CUDA can see", 0), 0U);
  emulation::machine() = {.count_status = cudaErrorInsufficientDriver, .driver = 0};
  EXPECT_EQ(error_of("cuda").rfind("This machine has no NVIDIA driver", 0), 0U);
  emulation::machine() = {.count_status = cudaErrorInsufficientDriver, .driver = 11080};
  EXPECT_EQ(error_of("cuda").rfind("The NVIDIA driver is for CUDA 11.8, but this program", 0), 0U);
  emulation::machine() = {.major = 7, .minor = 5};
  EXPECT_EQ(error_of("cuda").rfind("The GPU emulated GPU has compute capability 7.5", 0), 0U);
  emulation::machine() = {.major = 12, .minor = 0, .kernel_image = cudaErrorNoKernelImageForDevice};
  EXPECT_EQ(
      error_of("cuda"),
      "The GPU emulated GPU has compute capability 12.0, for which this program holds no code "
      "(it was built for an emulated GPU): configure with -DIJEPA_CUDA_ARCHITECTURES=120 and "
      "build again.");
}

TEST_F(CudaDevice, RefusesNumbersOfNoGpu) {
  EXPECT_EQ(error_of("cuda:1"), "The device \"cuda:1\" was asked for, but this machine has 1 GPU.");
  for (const char* name : {"cuda:", "cuda:x", "cuda:-1", "cuda:1x"})
    EXPECT_NE(error_of(name).find("comes the number of a GPU"), std::string::npos) << name;
}

TEST_F(CudaDevice, OutOfMemorySaysHowMuchIsFree) {
  emulation::machine() = {.memory = std::size_t{1} << 30};
  const auto device = make_device({.name = "cuda"});
  std::string message;
  try {
    device->allocate(std::size_t{2} << 30);
  } catch (const Error& e) {
    message = e.what();
  }
  EXPECT_EQ(message,
            "The GPU has not enough memory for another 2.00 GiB: 0.96 of 1.00 GiB are free.");
}

TEST_F(CudaDevice, TellsItsFreeMemory) {
  emulation::machine() = {.memory = std::size_t{1} << 30};
  const auto device = make_device({.name = "cuda"});
  const auto before = device->free_memory().value();
  const Buffer taken(*device, std::size_t{64} << 20);
  EXPECT_EQ(before - device->free_memory().value(), std::size_t{64} << 20);
}

TEST_F(CudaDevice, RefusesFloat64) {
  const auto device = make_device({.name = "cuda"});
  const Tensor x = make_tensor(nullptr, DType::f64, {2, 3});
  EXPECT_THROW(device->ops().copy(x, x), Error);
}

/// Larger than both halves of the staging memory, and from memory that is reused at once.
TEST_F(CudaDevice, UploadsKeepTheirSource) {
  const auto device = make_device({.name = "cuda"});
  constexpr std::int64_t n = (std::int64_t{40} << 20) / 4;
  std::vector<std::int32_t> sent(n), received(n);
  std::iota(sent.begin(), sent.end(), 7);
  Buffer memory(*device, n * 4);
  const Tensor t = make_tensor(memory.data(), DType::i32, {n});
  device->ops().upload(sent.data(), t);
  std::fill(sent.begin(), sent.end(), -1);
  device->ops().download(t, received.data());
  device->ops().synchronize();
  std::iota(sent.begin(), sent.end(), 7);
  EXPECT_TRUE(received == sent);
}

/// Three parts of 16 MiB and some more come through two halves, which uploads use between them.
TEST_F(CudaDevice, DownloadsOfManyPartsAndUploadsShareThePinnedMemory) {
  constexpr std::int64_t half = std::int64_t{16} << 20;
  for (const std::int64_t n : {half - 3, half, 3 * half + 5}) {
    const auto device = make_device({.name = "cuda"});
    Buffer memory(*device, static_cast<std::size_t>(n));
    const Tensor t = make_tensor(memory.data(), DType::u8, {n});
    std::vector<std::uint8_t> sent(static_cast<std::size_t>(n)), received(sent.size());
    for (int turn = 0; turn < 2; ++turn) {
      for (std::size_t i = 0; i < sent.size(); ++i)
        sent[i] = static_cast<std::uint8_t>(i * 2654435761U >> (9 + turn));
      device->ops().upload(sent.data(), t);
      device->ops().download(t, received.data());
      device->ops().synchronize();
      EXPECT_TRUE(received == sent) << n << " bytes, turn " << turn;
    }
  }
}

/// Inputs of several turns are under way at once; each turn's work reads its own, on any schedule.
TEST_F(CudaDevice, InputsOfTwoBuffersTakeTurns) {
  constexpr std::int64_t turns = 7, n = 40;
  const auto device = make_device({.name = "cuda"});
  Ops& ops = device->ops();
  Buffer input(*device, n * 4), next(*device, n * 4), results(*device, turns * n * 4);
  const auto result = [&](std::int64_t turn) {
    return make_tensor(static_cast<float*>(results.data()) + turn * n, DType::f32, {n});
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    emulation::reseed(seed);
    for (std::int64_t turn = 0; turn < turns; ++turn) {
      std::swap(input, next);
      const std::vector<float> sent(n, static_cast<float>(turn));
      const Tensor x = make_tensor(input.data(), DType::f32, {n});
      ops.upload_input(sent.data(), x);
      ops.copy(x, result(turn));
    }
    std::vector<float> received(turns * n);
    ops.download(make_tensor(results.data(), DType::f32, {turns * n}), received.data());
    ops.synchronize();
    for (std::int64_t i = 0; i < turns * n; ++i)
      ASSERT_EQ(received[static_cast<std::size_t>(i)], static_cast<float>(i / n))
          << "seed " << seed;
  }
}

}  // namespace
}  // namespace ijepa::test
