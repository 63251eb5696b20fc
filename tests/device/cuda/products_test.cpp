// Algorithms of matrix products: by the library's first suggestion, or measured and kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "ijepa/core/file.hpp"
#include "ijepa/device/device.hpp"
#include "ijepa/device/gpu_memory.hpp"
#include "tests/support/cuda_emulation/control.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

using emulation::products;

constexpr std::size_t test_memory = std::size_t{1} << 20;
constexpr std::uint32_t in_place = 1;  // CUBLASLT_REDUCTION_SCHEME_INPLACE: any order of sums

class CudaProducts : public testing::Test {
 protected:
  CudaProducts() { products() = {}; }
  ~CudaProducts() override {
    products() = {};
    emulation::machine() = {};
  }

  std::string file() const { return (folder_.path() / "choices.jsonl").string(); }
  std::unique_ptr<Device> open() const {
    return make_device({.name = "cuda", .product_algorithms = file()});
  }

  /// x (rows, 8) of ones times w (16, 8) of twos, plus b of threes, `offset` floats from 256 bytes.
  static void forward(Device& device, std::int64_t rows, std::int64_t offset = 0) {
    Buffer memory(device, test_memory);
    auto* at = static_cast<float*>(memory.data()) + offset;
    const auto make = [&](std::initializer_list<std::int64_t> shape, float value) {
      const Tensor t = make_tensor(at, DType::f32, shape);
      at += (t.numel() + 63) / 64 * 64;
      const std::vector<float> values(static_cast<std::size_t>(t.numel()), value);
      device.ops().upload(values.data(), t);
      return t;
    };
    const Tensor x = make({rows, 8}, 1), w = make({16, 8}, 2), b = make({16}, 3);
    const Tensor y = make({rows, 16}, 0);
    device.ops().linear_forward(x, w, b, y);
    std::vector<float> result(static_cast<std::size_t>(y.numel()));
    device.ops().download(y, result.data());
    device.ops().synchronize();
    for (const float value : result) ASSERT_EQ(value, 19.0F);
  }

  /// dw (16, 8) (+)= dy^T x of ones, over `rows` rows, from dw of fives. With `biased` the sums of
  /// dy, from fives, too, must be the same.
  static float gradient(Device& device, std::int64_t rows, Write mode, bool biased = false) {
    Buffer memory(device, test_memory);
    auto* at = static_cast<float*>(memory.data());
    const auto make = [&](std::int64_t count, std::int64_t cols, float value) {
      const Tensor t = make_tensor(at, DType::f32, {count, cols});
      at += (t.numel() + 63) / 64 * 64;
      const std::vector<float> values(static_cast<std::size_t>(t.numel()), value);
      device.ops().upload(values.data(), t);
      return t;
    };
    const Tensor dy = make(rows, 16, 1), x = make(rows, 8, 1), dw = make(16, 8, 5);
    Tensor db = make(1, 16, 5);
    db = make_tensor(db.data, db.dtype, {16});
    device.ops().linear_backward_params(dy, x, dw, biased ? db : Tensor{}, mode);
    std::vector<float> sums(16, 0);
    if (biased) device.ops().download(db, sums.data());
    std::vector<float> result(static_cast<std::size_t>(dw.numel()));
    device.ops().download(dw, result.data());
    device.ops().synchronize();
    for (const float value : result) EXPECT_EQ(value, result.front());
    for (const float value : sums) EXPECT_EQ(value, biased ? result.front() : 0);
    return result.front();
  }

  /// The algorithm of the newest product, known by its count.
  template <class Work>
  static std::uint64_t algorithm_of(Work work) {
    products().runs.clear();
    work();
    std::uint64_t last = 0;
    for (const auto& [id, count] : products().runs) {
      EXPECT_EQ(count, 1U) << "something was measured";
      last = id;
    }
    EXPECT_EQ(products().runs.size(), 1U);
    return last;
  }

  TemporaryFolder folder_;
};

TEST_F(CudaProducts, TakeTheFirstSuggestionAndMeasureNothingUnlessAsked) {
  const auto device = make_device({.name = "cuda"});
  EXPECT_EQ(algorithm_of([&] { forward(*device, 32); }), 7U);
  EXPECT_EQ(products().suggestions, 1U);
}

TEST_F(CudaProducts, AreMeasuredOnceAndThenTakeTheFastest) {
  const auto device = open();
  forward(*device, 32);
  EXPECT_EQ(products().runs.size(), 3U) << "each candidate ran";
  EXPECT_EQ(algorithm_of([&] { forward(*device, 32); }), 21U);
  const std::string text = read_text_file(file());
  EXPECT_NE(text.find("\"microseconds\":[30.0,20.0,25.0,30.0,20.0,25.0]"), std::string::npos)
      << "with the bias in the product and apart: " << text;
  EXPECT_NE(text.find("emulated GPU, compute capability 8.0, cuBLASLt 130101"), std::string::npos);
}

TEST_F(CudaProducts, OfAnotherStartAreReadFromTheFile) {
  forward(*open(), 32);
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 21U);
  products().algorithms[0].microseconds = 1;  // what would be found now does not matter
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 21U);
}

TEST_F(CudaProducts, NeverTakeMoreThanTheWorkspaceOrAnyOrderOfSums) {
  products().algorithms = {{.id = 1, .microseconds = 1, .workspace = gpu_memory.products + 1},
                           {.id = 2, .microseconds = 2, .reduction = in_place},
                           {.id = 3, .microseconds = 3, .starts = false},
                           {.id = 4, .microseconds = 5},
                           {.id = 5, .microseconds = 4, .workspace = gpu_memory.products}};
  forward(*open(), 32);
  EXPECT_EQ(products().runs.size(), 2U);
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 5U);
}

TEST_F(CudaProducts, TakeWhatTheirAddressesAllow) {
  products().algorithms[1].alignment = 128;
  const auto device = open();
  forward(*device, 32);
  EXPECT_EQ(algorithm_of([&] { forward(*device, 32); }), 21U);
  forward(*device, 32, 16);
  EXPECT_EQ(algorithm_of([&] { forward(*device, 32, 16); }), 5U) << "an own choice";
}

/// The file is not believed: an algorithm that asks for more by now, or is unknown, is not run.
TEST_F(CudaProducts, ChecksWhatTheFileSays) {
  forward(*open(), 32);
  auto& chosen = products().algorithms[1];
  chosen.workspace = gpu_memory.products + 1;
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 7U);
  chosen = {.id = 21, .microseconds = 20, .reduction = in_place};
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 7U);
  chosen.id = 22;
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 7U);
}

TEST_F(CudaProducts, ShareAChoiceWithinAStepOfTheGrid) {
  const auto device = open();
  forward(*device, 36);
  EXPECT_EQ(algorithm_of([&] { forward(*device, 33); }), 21U);
  EXPECT_EQ(algorithm_of([&] { forward(*device, 34); }), 21U);
  products().runs.clear();
  forward(*device, 37);
  EXPECT_EQ(products().runs.size(), 3U) << "the next step is measured";
}

TEST_F(CudaProducts, TakeTheFirstSuggestionForRowsThatTheChoiceRefuses) {
  products().algorithms[1].rows_multiple = 4;
  const auto device = open();
  forward(*device, 36);
  EXPECT_EQ(algorithm_of([&] { forward(*device, 34); }), 7U);
  EXPECT_EQ(algorithm_of([&] { forward(*device, 36); }), 21U);
}

TEST_F(CudaProducts, OfOtherGpusAndLibrariesAreMeasuredAgainAndKept) {
  forward(*open(), 32);
  const std::string before = read_text_file(file());
  products().version = 130200;
  products().algorithms = {{.id = 30, .microseconds = 2}, {.id = 31, .microseconds = 1}};
  forward(*open(), 32);
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 31U);
  emulation::machine().name = "another GPU";
  products().algorithms[0].microseconds = 0.5;
  forward(*open(), 32);
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 30U);
  const std::string after = read_text_file(file());
  EXPECT_EQ(after.rfind(before, 0), 0U);
  EXPECT_EQ(std::count(after.begin(), after.end(), '\n'), 3);
}

TEST_F(CudaProducts, LeaveTheirBiasToAKernelWhereThatIsFaster) {
  products().epilogue_microseconds = 15;
  const auto device = open();
  forward(*device, 32);
  EXPECT_EQ(algorithm_of([&] { forward(*device, 32); }), 21U);
  const std::string text = read_text_file(file());
  EXPECT_NE(text.find("[45.0,35.0,40.0,30.0,20.0,25.0]"), std::string::npos) << text;
  EXPECT_NE(text.find("\"apart\":true"), std::string::npos) << text;
  EXPECT_EQ(algorithm_of([&] { forward(*open(), 32); }), 21U) << "as the file says";
}

/// The emulation's kernels take no time, so the library's sums must take less than none.
TEST_F(CudaProducts, FormTheGradientOfABiasWhereThatIsFaster) {
  EXPECT_EQ(gradient(*make_device({.name = "cuda"}), 24, Write::overwrite, true), 24.0F);
  EXPECT_EQ(gradient(*open(), 24, Write::overwrite, true), 24.0F);
  EXPECT_NE(read_text_file(file()).find("\"apart\":true"), std::string::npos) << "as fast apart";
  std::filesystem::remove(file());
  products().epilogue_microseconds = -12;
  const auto device = open();
  EXPECT_EQ(gradient(*device, 24, Write::overwrite, true), 24.0F);
  const std::string text = read_text_file(file());
  EXPECT_NE(text.find("[30.0,20.0,25.0,18.0,8.0,13.0]"), std::string::npos) << text;
  EXPECT_NE(text.find("\"apart\":false"), std::string::npos) << text;
  EXPECT_EQ(gradient(*device, 24, Write::overwrite, true), 24.0F);
  EXPECT_EQ(gradient(*device, 24, Write::accumulate, true), 29.0F) << "the library cannot add";
}

TEST_F(CudaProducts, DoWithoutAnEpilogueThatTheLibraryLacks) {
  products().has_epilogues = false;
  forward(*make_device({.name = "cuda"}), 32);
  forward(*open(), 32);
  EXPECT_EQ(gradient(*open(), 24, Write::overwrite, true), 24.0F);
  EXPECT_EQ(read_text_file(file()).find("\"apart\":false"), std::string::npos);
}

/// Timing runs a product many times; the gradient is added once all the same.
TEST_F(CudaProducts, ThatAddToTheirResultAddOnce) {
  const auto device = open();
  EXPECT_EQ(gradient(*device, 24, Write::accumulate), 29.0F);
  EXPECT_EQ(products().runs.size(), 3U) << "it was measured";
  EXPECT_EQ(algorithm_of([&] { gradient(*device, 24, Write::overwrite); }), 21U);
  EXPECT_EQ(gradient(*device, 24, Write::overwrite), 24.0F);
}

TEST_F(CudaProducts, ThatAddToTheirResultAreNotMeasuredWithoutMemory) {
  const auto device = open();
  const auto taken = emulation::machine().memory - device->free_memory().value();
  emulation::machine().memory = taken + test_memory + 600;  // the result has 512 bytes
  EXPECT_EQ(algorithm_of([&] { gradient(*device, 24, Write::accumulate); }), 7U);
}

}  // namespace
}  // namespace ijepa::test
