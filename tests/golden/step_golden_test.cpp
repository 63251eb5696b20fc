// Whole training runs of the authors' release, repeated: losses, features, gradients, final
// weights.
#include "tests/support/step_golden.hpp"

#include <gtest/gtest.h>

#include "tests/support/devices.hpp"
#include "tests/support/golden.hpp"

namespace ijepa::test {
namespace {

class StepGolden : public ::testing::TestWithParam<StepBounds> {};

TEST_P(StepGolden, RepeatsTheReferencesRun) {
  const auto files = golden_files("step");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind step";
  for (const auto& path : files) {
    SCOPED_TRACE(path.string());
    const GoldenFile file(path);
    const auto device = make_device(available_devices().front());
    for (const Finding& f : GoldenRun(*device, file, GetParam()).repeat())
      EXPECT_TRUE(f.passed()) << f.what << ": " << f.error << ", allowed " << f.bound;
  }
}

std::vector<StepBounds> bounds() {
  auto all = step_bounds();
  std::erase_if(all, [](const StepBounds& b) {
    return !computes(available_devices().front(), b.precision.compute);
  });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Precisions, StepGolden, ::testing::ValuesIn(bounds()),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace ijepa::test
