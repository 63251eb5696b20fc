// compute.precision = "auto": what is put in its place, and that a run keeps it.
#include "ijepa/train/fit/precision_choice.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/device/peak.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

PretrainRecipe automatic(const std::string& folder) {
  PretrainRecipe recipe;
  recipe.run.dir = folder;
  recipe.compute.automatic_precision = true;
  return recipe;
}

/// A machine on which AVX-512 multiplies bfloat16 faster and AVX2, which widens it, more slowly.
double given_rate(const std::string& kernels, DType type) {
  if (type == DType::f32) return 100;
  return kernels == "avx2" ? 90 : 180;
}

DType chosen(PretrainRecipe recipe) {
  const auto comm = local_communicator();
  choose_precision(recipe, *comm, Log(1), given_rate);
  EXPECT_FALSE(recipe.compute.automatic_precision);
  EXPECT_EQ(setting_text(recipe, "compute.precision"), name_of(recipe.compute.precision));
  return recipe.compute.precision;
}

TEST(FasterPrecision, IsBfloat16OnlyWhereItGainsATenth) {
  EXPECT_EQ(faster_precision(100, 180), DType::bf16);
  EXPECT_EQ(faster_precision(100, 105), DType::f32);
  EXPECT_EQ(faster_precision(150, 75), DType::f32);
}

TEST(ChoosePrecision, LeavesWhatWasAskedFor) {
  PretrainRecipe recipe;
  recipe.compute.precision = DType::f64;
  const auto comm = local_communicator();
  choose_precision(recipe, *comm, Log(1));
  EXPECT_EQ(recipe.compute.precision, DType::f64);
}

TEST(ChoosePrecision, GoesByTheKernelsOfTheRun) {
  const TemporaryFolder folder;
  auto recipe = automatic(folder.path().string());
  EXPECT_EQ(chosen(recipe), DType::bf16);
  recipe.compute.cpu_kernels = "avx2";
  EXPECT_EQ(chosen(recipe), DType::f32);
}

TEST(ChoosePrecision, MeasuresWhereNoRateIsGiven) {
  for (const char* kernels : {"avx2", "auto"})
    for (const DType type : {DType::f32, DType::bf16})
      EXPECT_GT(measured_rate(kernels, type), 0) << kernels << " " << name_of(type);
}

TEST(ChoosePrecision, GoesOnAsTheRunWasBegun) {
  const TemporaryFolder folder;
  auto recipe = automatic(folder.path().string());
  recipe.compute.cpu_kernels = "avx2";
  const auto begun_with = [&](const char* precision) {
    std::ofstream(folder.path() / "config.toml")
        << "[compute]\nprecision = \"" << precision << "\"\n";
    return chosen(recipe);
  };
  EXPECT_EQ(begun_with("bfloat16"), DType::f32) << "a start that failed is no run";
  std::filesystem::create_directories(folder.path() / "checkpoints" / "step_00000002");
  EXPECT_EQ(begun_with("bfloat16"), DType::bf16);
  EXPECT_EQ(begun_with("float64"), DType::f64);
  EXPECT_EQ(begun_with("auto"), DType::f32) << "measured";
}

TEST(ChoosePrecision, LeavesTheResidualToBfloat16) {
  auto recipe = automatic("nowhere");
  recipe.compute.residual = DType::bf16;
  const auto comm = local_communicator();
  auto half = recipe;
  choose_precision(half, *comm, Log(1), given_rate);
  EXPECT_EQ(half.compute.residual, DType::bf16);
  recipe.compute.cpu_kernels = "avx2";
  choose_precision(recipe, *comm, Log(1), given_rate);
  EXPECT_EQ(recipe.compute.residual, DType::f32);
}

TEST(ChoosePrecision, TakesBfloat16OnGpus) {
  auto recipe = automatic("nowhere");
  recipe.compute.device = DeviceChoice::cuda;
  EXPECT_EQ(chosen(recipe), DType::bf16);
}

TEST(ChoosePrecision, AutoIsASettingLikeOthers) {
  EXPECT_EQ(setting_text(automatic("nowhere"), "compute.precision"), "auto");
}

}  // namespace
}  // namespace ijepa::test
