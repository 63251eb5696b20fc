#include "ijepa/train/grad_sync.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace ijepa {
namespace {

/// Writes down what it was asked to sum, as (first element, count).
class RecordingCommunicator final : public Communicator {
 public:
  explicit RecordingCommunicator(const float* base) : base_(base) {}
  int rank() const override { return 0; }
  int size() const override { return 2; }
  Ticket all_reduce_sum_async(Tensor inout) override {
    sums.emplace_back(inout.as<float>() - base_, inout.numel());
    return sums.size();
  }
  void wait(Ticket ticket) override { waited = ticket; }
  void all_reduce(std::span<double>, Reduction) override {}
  void broadcast(std::span<std::byte>, int) override {}
  std::vector<std::string> gather_all(const std::string& mine) override { return {mine, mine}; }
  void barrier() override {}

  std::vector<std::pair<std::int64_t, std::int64_t>> sums;
  Ticket waited = 0;

 private:
  const float* base_;
};

using Sums = std::vector<std::pair<std::int64_t, std::int64_t>>;

class GradSyncTest : public testing::Test {
 protected:
  std::vector<float> data_ = std::vector<float>(100);
  Tensor gradient_ = make_tensor(data_.data(), DType::f32, {100});
  RecordingCommunicator comm_{data_.data()};
  GradSyncOptions options_{.bucket_bytes = 160, .first_bucket_bytes = 40};  // 40 and 10 elements
};

TEST_F(GradSyncTest, ABucketGoesOutOnceAllOfItIsReady) {
  GradSync sync(comm_, gradient_, options_);
  EXPECT_EQ(sync.bucket_count(), 4);
  sync.ready_down_to(91);
  EXPECT_TRUE(comm_.sums.empty());
  sync.ready_down_to(60);
  EXPECT_EQ(comm_.sums, (Sums{{90, 10}}));
  sync.ready_down_to(20);
  EXPECT_EQ(comm_.sums, (Sums{{90, 10}, {50, 40}}));
  sync.finish();
  EXPECT_EQ(comm_.sums, (Sums{{90, 10}, {50, 40}, {10, 40}, {0, 10}}));
  EXPECT_EQ(comm_.waited, 4U);
}

TEST_F(GradSyncTest, EveryStepSendsTheSameBuckets) {
  GradSync sync(comm_, gradient_, options_);
  sync.finish();
  const Sums first = std::exchange(comm_.sums, {});
  for (const std::int64_t offset : {100, 73, 9, 3}) sync.ready_down_to(offset);
  sync.finish();
  EXPECT_EQ(comm_.sums, first);
}

TEST_F(GradSyncTest, AnOffsetThatRisesIsAnError) {
  GradSync sync(comm_, gradient_, options_);
  sync.ready_down_to(50);
  EXPECT_THROW(sync.ready_down_to(51), Error);
  EXPECT_THROW(sync.ready_down_to(-1), Error);
}

TEST_F(GradSyncTest, WaitsForWhatIsUnderWayWhenAnErrorUnwinds) {
  try {
    GradSync sync(comm_, gradient_, options_);
    sync.ready_down_to(40);
    fail("Backward failed.");
  } catch (const Error&) {
  }
  EXPECT_EQ(comm_.waited, 2U);
}

TEST_F(GradSyncTest, RefusesBuffersAndBucketsThatCannotWork) {
  EXPECT_THROW(GradSync(comm_, make_tensor(data_.data(), DType::bf16, {100})), Error);
  EXPECT_THROW(GradSync(comm_, make_tensor(data_.data(), DType::f32, {10, 10})), Error);
  EXPECT_THROW(GradSync(comm_, gradient_, {.bucket_bytes = 3, .first_bucket_bytes = 40}), Error);
}

}  // namespace
}  // namespace ijepa
