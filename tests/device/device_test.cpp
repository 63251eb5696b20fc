#include "ijepa/device/device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "src/device/cpu/kernels.hpp"
#include "tests/support/devices.hpp"

namespace ijepa {
namespace {

std::string error_of(const DeviceOptions& options) {
  try {
    make_device(options);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(MakeDevice, CudaWithoutAGpuSaysWhatIsMissing) {
  setenv("CUDA_VISIBLE_DEVICES", "", 1);
  EXPECT_NE(error_of({.name = "cuda"}).find(test::no_gpu_message), std::string::npos);
  EXPECT_NE(error_of({.name = "cuda:1"}).find(test::no_gpu_message), std::string::npos);
}

TEST(MakeDevice, UnknownNameAndThreadCountAreRefused) {
  EXPECT_NE(error_of({"tpu", 0}).find("\"tpu\" is unknown"), std::string::npos);
  EXPECT_NE(error_of({"cpu", -1}).find("-1"), std::string::npos);
}

TEST(MakeDevice, KernelsMustBeKnownAndRunHere) {
  EXPECT_NE(error_of({"cpu", 1, "sse"}).find("\"sse\" are unknown"), std::string::npos);
  for (const char* name : {"avx512", "onednn"}) try {
      cpu::choose_kernels(name, {});
      ADD_FAILURE() << name;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find("this processor lacks"), std::string::npos);
    }
  try {
    cpu::choose_kernels("float16", {.avx512 = true});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "The CPU kernels \"float16\" need AVX512-FP16, which this processor lacks: set "
                 "compute.cpu_kernels to \"auto\".");
  }
  EXPECT_EQ(cpu::choose_kernels("auto", {.avx512 = true, .fp16 = true}).float16, nullptr)
      << "fewer bits are asked for, never chosen";
  EXPECT_FALSE(cpu::choose_kernels("auto", {}).onednn);
  EXPECT_EQ(cpu::choose_kernels("auto", {.avx512 = true}).onednn, bool{IJEPA_WITH_ONEDNN});
}

TEST(MakeDevice, KernelsMustBeInTheBuild) {
  std::string said;
  try {
    cpu::choose_kernels("onednn", {.avx512 = true});
  } catch (const Error& e) {
    said = e.what();
  }
  EXPECT_EQ(said.find("-DIJEPA_ONEDNN=ON") == std::string::npos, bool{IJEPA_WITH_ONEDNN}) << said;
}

TEST(MakeDevice, CpuDescribesItsThreads) {
  EXPECT_EQ(make_device({"cpu", 2})->describe().rfind("cpu, 2 threads", 0), 0U);
}

TEST(MakeDevice, CpuDescribesWhatItsBitsDependOn) {
  const std::string told = make_device({"cpu", 1})->describe();
  EXPECT_THAT(told,
              testing::AnyOf(testing::EndsWith(", avx2"),
                             testing::EndsWith(IJEPA_WITH_ONEDNN ? ", avx2" : ", avx512"),
                             testing::ContainsRegex(", avx512 with oneDNN [0-9.]+ \\([a-z]")));
}

/// Started by the next test.
TEST(MakeDevice, DISABLED_Tell) {
  std::puts(make_device({"cpu", 1})->describe().c_str());
}

/// In a process of its own, since oneDNN reads the variable once.
TEST(MakeDevice, CpuTellsOfAVariableThatLimitsOneDnn) {
  if (!IJEPA_WITH_ONEDNN) GTEST_SKIP() << "this build has no oneDNN";
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const auto close = [](FILE* file) { ::pclose(file); };
  const std::unique_ptr<FILE, decltype(close)> output(
      ::popen(("ONEDNN_MAX_CPU_ISA=AVX2 DNNL_MAX_CPU_ISA=AVX2 '" + self +
               "' --gtest_also_run_disabled_tests --gtest_filter=MakeDevice.DISABLED_Tell")
                  .c_str(),
              "r"));
  ASSERT_NE(output, nullptr);
  std::string text;
  for (int c; (c = std::fgetc(output.get())) != EOF;) text += static_cast<char>(c);
  EXPECT_THAT(text, testing::AnyOf(testing::HasSubstr("cpu, 1 thread, avx2\n"),
                                   testing::HasSubstr(" (avx2)\n")));
}

std::vector<float> random(std::int64_t count, std::uint64_t seed) {
  Rng rng(seed, Purpose::test);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (auto& v : values) v = static_cast<float>(rng.uniform() - 0.5);
  return values;
}

template <class T>
void expect_rows_of_parts(const std::string& kernels, DType type, std::int64_t in,
                          std::int64_t out) {
  const std::int64_t rows = 1500;
  const auto device = make_device({"cpu", 2, kernels});
  const auto xs = random(rows * in, 1), ws = random(out * in, 2);
  const std::vector<T> x(xs.begin(), xs.end()), w(ws.begin(), ws.end());
  const auto product = [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> y(static_cast<std::size_t>((end - begin) * out));
    device->ops().linear_forward(
        make_tensor(const_cast<T*>(x.data()) + begin * in, type, {end - begin, in}),
        make_tensor(const_cast<T*>(w.data()), type, {out, in}), {},
        make_tensor(y.data(), type, {end - begin, out}));
    return std::vector<float>(y.begin(), y.end());
  };
  auto parts = product(0, 701);
  const auto rest = product(701, rows);
  parts.insert(parts.end(), rest.begin(), rest.end());
  ASSERT_EQ(product(0, rows), parts) << kernels << ", " << out << " x " << in;
}

// Rows are multiplied in steps whose size follows from how many there are.
TEST(Device, ProductsOfARowAreTheSameAmongFewAndManyRows) {
  for (const auto& kernels : test::available_kernels())
    for (const std::int64_t in : {48, 96, 384, 1100})
      for (const std::int64_t out : {48, 144, 200, 384}) {
        expect_rows_of_parts<float>(kernels, DType::f32, in, out);
        expect_rows_of_parts<BFloat16>(kernels, DType::bf16, in, out);
      }
}

std::int64_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return std::distance(begin(tasks), end(tasks));
}

// Libraries have pools of their own, which take what OpenMP offers.
TEST(Device, OneThreadIsOneWhateverOpenMpOffers) {
  for (const auto& kernels : test::available_kernels()) {
    const auto device = make_device({"cpu", 1, kernels});
    const auto offered = omp_get_max_threads();
    omp_set_num_threads(offered + 1);
    const auto before = threads_of_this_process();
    auto x = random(700 * 1100, 1), w = random(200 * 1100, 2);  // large enough for oneDNN
    std::vector<float> y(700 * 200);
    device->ops().linear_forward(make_tensor(x.data(), DType::f32, {700, 1100}),
                                 make_tensor(w.data(), DType::f32, {200, 1100}), {},
                                 make_tensor(y.data(), DType::f32, {700, 200}));
    EXPECT_EQ(threads_of_this_process(), before) << kernels;
    omp_set_num_threads(offered);
  }
}

// oneDNN packs the right side of narrow products otherwise for few rows than for many.
TEST(Device, GradientsOfNarrowWeightsAreTheSameForAnyNumberOfThreads) {
  const std::int64_t rows = 320;
  for (const auto& kernels : test::available_kernels()) {
    const auto one = make_device({"cpu", 1, kernels}), two = make_device({"cpu", 2, kernels});
    for (const std::int64_t in : {8, 16, 20, 32, 65, 100, 130})
      for (const std::int64_t out : {7, 32, 35, 64, 70, 133, 256}) {
        auto dy = random(rows * out, 1), x = random(rows * in, 2);
        const auto gradient = [&](Device& on) {
          std::vector<float> dw(static_cast<std::size_t>(out * in));
          on.ops().linear_backward_params(make_tensor(dy.data(), DType::f32, {rows, out}),
                                          make_tensor(x.data(), DType::f32, {rows, in}),
                                          make_tensor(dw.data(), DType::f32, {out, in}), {},
                                          Write::overwrite);
          return dw;
        };
        ASSERT_EQ(gradient(*one), gradient(*two)) << kernels << ", " << out << " x " << in;
      }
  }
}

TEST(Device, LinearForwardOfASmallCase) {
  const auto device = make_device({"cpu", 1});
  std::array<float, 6> x{1, 2, 3, 4, 5, 6};
  std::array<float, 6> w{1, 0, 1, 0, 1, 0};
  std::array<float, 2> b{10, 20};
  std::array<float, 4> y{};
  device->ops().linear_forward(
      make_tensor(x.data(), DType::f32, {2, 3}), make_tensor(w.data(), DType::f32, {2, 3}),
      make_tensor(b.data(), DType::f32, {2}), make_tensor(y.data(), DType::f32, {2, 2}));
  EXPECT_EQ(y, (std::array<float, 4>{14, 22, 20, 25}));
}

}  // namespace
}  // namespace ijepa
