#include "ijepa/tasks/network/task_precision.hpp"

#include <gtest/gtest.h>

#include "ijepa/comm/communicator.hpp"

namespace ijepa::test {
namespace {

/// A machine on which AVX-512 multiplies bfloat16 faster and AVX2, which widens it, more slowly.
double given_rate(const std::string& kernels, DType type) {
  if (type == DType::f32) return 100;
  return kernels == "avx2" ? 90 : 180;
}

DType chosen(TaskPrecision asked, const std::string& kernels) {
  ComputeSettings compute;
  compute.cpu_kernels = kernels;
  return choose_precision(asked, compute, *local_communicator(), Log(1), given_rate).compute;
}

TEST(TaskPrecision, IsAsAskedOrTheFasterOne) {
  EXPECT_EQ(chosen(TaskPrecision::automatic, "auto"), DType::bf16);
  EXPECT_EQ(chosen(TaskPrecision::automatic, "avx2"), DType::f32);
  EXPECT_EQ(chosen(TaskPrecision::bfloat16, "avx2"), DType::bf16);
  EXPECT_EQ(chosen(TaskPrecision::float32, "auto"), DType::f32);
}

TEST(TaskPrecision, StandsInTheIdentityOfFeatures) {
  EXPECT_EQ(with_precision("abc target", Precision::float32()), "abc target");
  for (const auto precision : {Precision::float32(), Precision::bfloat16()})
    EXPECT_EQ(precision_of_identity(with_precision("abc target", precision)),
              precision.compute == DType::bf16 ? TaskPrecision::bfloat16 : TaskPrecision::float32);
}

}  // namespace
}  // namespace ijepa::test
