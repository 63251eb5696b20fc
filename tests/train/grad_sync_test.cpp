#include <gtest/gtest.h>

#include <utility>

#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {
namespace {

/// Writes down what it was asked to sum, as (first element, count).
class RecordingReducer final : public BucketReducer {
 public:
  explicit RecordingReducer(const float* base) : base_(base) {}
  void sum_async(Tensor inout) override {
    sums.emplace_back(inout.as<float>() - base_, inout.numel());
  }
  void join() override { joined = sums.size(); }
  void settle() override {}

  std::vector<std::pair<std::int64_t, std::int64_t>> sums;
  std::size_t joined = 0;

 private:
  const float* base_;
};

using Sums = std::vector<std::pair<std::int64_t, std::int64_t>>;

class GradSyncTest : public testing::Test {
 protected:
  std::vector<float> data_ = std::vector<float>(100);
  Tensor gradient_ = make_tensor(data_.data(), DType::f32, {100});
  RecordingReducer reducer_{data_.data()};
  GradSyncOptions options_{.bucket_bytes = 160, .first_bucket_bytes = 40};  // 40 and 10 elements
};

TEST_F(GradSyncTest, ABucketGoesOutOnceAllOfItIsReady) {
  GradSync sync(reducer_, gradient_, options_);
  EXPECT_EQ(sync.bucket_count(), 4);
  sync.ready_down_to(91);
  EXPECT_TRUE(reducer_.sums.empty());
  sync.ready_down_to(60);
  EXPECT_EQ(reducer_.sums, (Sums{{90, 10}}));
  sync.ready_down_to(20);
  EXPECT_EQ(reducer_.sums, (Sums{{90, 10}, {50, 40}}));
  sync.finish();
  EXPECT_EQ(reducer_.sums, (Sums{{90, 10}, {50, 40}, {10, 40}, {0, 10}}));
  EXPECT_EQ(reducer_.joined, 4U);
}

TEST_F(GradSyncTest, EveryStepSendsTheSameBuckets) {
  GradSync sync(reducer_, gradient_, options_);
  sync.finish();
  const Sums first = std::exchange(reducer_.sums, {});
  for (const std::int64_t offset : {100, 73, 9, 3}) sync.ready_down_to(offset);
  sync.finish();
  EXPECT_EQ(reducer_.sums, first);
}

TEST_F(GradSyncTest, AnOffsetThatRisesIsAnError) {
  GradSync sync(reducer_, gradient_, options_);
  sync.ready_down_to(50);
  EXPECT_THROW(sync.ready_down_to(51), Error);
  EXPECT_THROW(sync.ready_down_to(-1), Error);
}

TEST_F(GradSyncTest, RefusesBuffersAndBucketsThatCannotWork) {
  EXPECT_THROW(GradSync(reducer_, make_tensor(data_.data(), DType::bf16, {100})), Error);
  EXPECT_THROW(GradSync(reducer_, make_tensor(data_.data(), DType::f32, {10, 10})), Error);
  EXPECT_THROW(GradSync(reducer_, gradient_, {.bucket_bytes = 3, .first_bucket_bytes = 40}), Error);
}

}  // namespace
}  // namespace ijepa
