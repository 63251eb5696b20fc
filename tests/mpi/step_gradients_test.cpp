#include "ijepa/train/step/step_gradients.hpp"

#include <cmath>

#include "ijepa/device/host_values.hpp"
#include "tests/mpi/ranks.hpp"

namespace ijepa::test {
namespace {

/// A head and an encoder of one vector each that learn from gradients which are the same
/// everywhere.
class StepGradientsOnRanks : public ::testing::Test {
 protected:
  struct Part {
    Part(Device& device, const char* group) {
      layout.begin_group(group);
      layout.vector("w", 5, Init::ones);
      store =
          std::make_unique<ParamStore>(device, layout, Precision::float64(), StoreUse::training);
      store->initialise(1);
    }
    ParamLayout layout;
    std::unique_ptr<ParamStore> store;
  };

  Tensor gradient(const Part& part) { return part.store->gradient({0, 5}); }

  /// This rank's micro-batch.
  void learn(double value, bool last = true) {
    const bool add = gradients_.next_micro_batch() == Write::accumulate;
    for (std::size_t i = 0; i < 2; ++i) {
      const Tensor to = gradient(*parts_[i]);
      const double now = value + (add ? download_values(device_->ops(), to)[0] : 0);
      upload_values(device_->ops(), std::vector<double>(5, now), to);
      const auto ready = gradients_.ready(i, last);
      ASSERT_EQ(static_cast<bool>(ready), last);
      if (ready) ready(0);
    }
  }
  void expect_gradients(double value) {
    for (const auto* part : parts_)
      EXPECT_EQ(download_values(device_->ops(), gradient(*part)), std::vector<double>(5, value));
  }

  std::unique_ptr<Device> device_ = make_device({"cpu", 1});
  Part head_{*device_, "head"}, encoder_{*device_, "encoder"};
  std::array<Part*, 2> parts_{&head_, &encoder_};
  StepGradients gradients_{*device_, ranks(), {head_.store.get(), encoder_.store.get()}};
};

TEST_F(StepGradientsOnRanks, AreSumsOverMicroBatchesAndRanks) {
  IJEPA_RANKS(1, 2, 4);
  const int n = ranks().size();
  for (int step = 0; step < 2; ++step) {
    learn(1, false);
    learn(ranks().rank());
    gradients_.finish();
    expect_gradients(n + n * (n - 1) / 2);
  }
  EXPECT_NEAR(gradients_.checked_norm(0, 0, 1), std::sqrt(10.0) * (n + n * (n - 1) / 2), 1e-12);
  EXPECT_FALSE(gradients_.ready(2)) << "a store that does not learn";
}

TEST_F(StepGradientsOnRanks, ARankWithoutImagesAddsNothing) {
  IJEPA_RANKS(1, 2, 4);
  learn(3);
  gradients_.finish();
  if (ranks().rank() == 0) learn(7);  // on the others the sums of the step before lie there
  gradients_.finish();
  expect_gradients(7);
  gradients_.finish();
  expect_gradients(0);
}

TEST_F(StepGradientsOnRanks, TellNormsOfEachPartAndLossesOfThisRank) {
  IJEPA_RANKS(1, 2, 4);
  StepGradients two(*device_, ranks(), {encoder_.store.get()}, {.most_losses = 2});
  const auto learn_loss = [&](double value) {
    two.next_micro_batch();
    upload_values(device_->ops(), std::vector<double>(5, value), gradient(encoder_));
    const Tensor loss = two.next_loss(device_->ops());
    EXPECT_EQ(download_values(device_->ops(), loss)[0], 0);
    upload_values(device_->ops(), std::vector{value + ranks().rank()}, loss);
  };
  learn_loss(8);  // of a step that was left
  two.begin();
  EXPECT_EQ(two.next_micro_batch(), Write::overwrite);
  learn_loss(2);
  learn_loss(3);
  EXPECT_THROW(two.next_loss(device_->ops()), Error);
  two.finish();
  const double rank = ranks().rank();
  EXPECT_EQ(two.losses(), (std::vector{2 + rank, 3 + rank}));
  EXPECT_NEAR(two.norms().at(0), std::sqrt(5.0) * 3 * ranks().size(), 1e-12);
  learn(4);
  gradients_.finish();
  EXPECT_EQ(gradients_.norms().size(), 2U);
  EXPECT_NEAR(gradients_.norm(), std::hypot(gradients_.norms()[0], gradients_.norms()[1]), 1e-12);
  EXPECT_NEAR(two.norm_of(encoder_.store->flat(Role::weight, {0, 5})), std::sqrt(5.0), 1e-12);
}

TEST_F(StepGradientsOnRanks, NoNumberEndsEveryRankBeforeTheUpdate) {
  IJEPA_RANKS(1, 2, 4);
  const auto code = [&](double loss) {
    try {
      gradients_.checked_norm(loss, 11, 0.5);
    } catch (const AgreedError& e) {
      EXPECT_NE(std::string(e.what()).find("step 12 is not a number"), std::string::npos);
      EXPECT_NE(std::string(e.what()).find("lower --lr than 0.5"), std::string::npos);
      return e.code();
    }
    return 0;
  };
  learn(1);
  gradients_.finish();
  EXPECT_EQ(code(2), 0);
  EXPECT_EQ(code(NAN), exit_code::not_finite);
  learn(ranks().rank() == 0 ? INFINITY : 1);  // one rank's
  gradients_.finish();
  EXPECT_EQ(code(2), exit_code::not_finite);
}

TEST_F(StepGradientsOnRanks, MoveAllThatLearns) {
  IJEPA_RANKS(1, 2, 4);
  learn(0.25);
  gradients_.finish();
  gradients_.update(adamw_step({}, 0, 0.1, 0, 0.5));
  for (const auto* part : parts_)  // the first step of AdamW has the size of the rate
    EXPECT_NEAR(download_values(device_->ops(), part->store->flat(Role::weight, {0, 5}))[4], 0.9,
                1e-7);
  EXPECT_NEAR(download_values(device_->ops(), encoder_.store->flat(Role::target, {0, 5}))[4], 0.95,
              1e-7);
}

}  // namespace
}  // namespace ijepa::test
