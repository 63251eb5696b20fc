#include "ijepa/tasks/finetune_optimizer.hpp"

#include <gtest/gtest.h>

#include "ijepa/model/encoder.hpp"
#include "ijepa/model/positions.hpp"
#include "tests/support/step_run.hpp"
#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa::test {
namespace {

class FinetuneOptimizerTest : public ::testing::Test {
 protected:
  FinetuneOptimizerTest() : device_(make_device({"cpu", 1})) {
    layout_.begin_group("head");
    weight_ = layout_.matrix("weight", 3, 4);
    bias_ = layout_.vector("bias", 3, Init::ones);
    store_ =
        std::make_unique<ParamStore>(*device_, layout_, Precision::float64(), StoreUse::training);
    store_->initialise(1);
  }
  std::vector<double> values(Role role, std::size_t info) {
    return host_values(device_->ops(), store_->values(role, layout_.infos()[info]));
  }
  void set_gradient(double value) {
    for (const auto& info : layout_.infos())
      set_values(device_->ops(), std::vector<double>(static_cast<std::size_t>(info.size), value),
                 store_->gradient({info.offset, info.offset + info.size}));
  }

  std::unique_ptr<Device> device_;
  ParamLayout layout_;
  Param weight_, bias_;
  std::unique_ptr<ParamStore> store_;
};

TEST_F(FinetuneOptimizerTest, SgdFollowsItsFormula) {
  ClassifyOptim optim;
  optim.weight_decay = 0.5;
  FinetuneOptimizer optimizer(*device_, *store_, {{{0, layout_.size()}, 0.5}}, optim);
  double w = values(Role::weight, 0)[2], b = 1, velocity_w = 0, velocity_b = 0;
  for (std::int64_t step = 0; step < 3; ++step) {
    const double gradient = 0.1 * static_cast<double>(step + 1), rate = 0.5 * 0.2;
    set_gradient(gradient);
    optimizer.update(step, 0.2);
    const double g = gradient + 0.5 * w;
    velocity_w = 0.9 * velocity_w + g;
    w -= rate * (g + 0.9 * velocity_w);
    const double g_b = gradient + 0.5 * b;
    velocity_b = 0.9 * velocity_b + g_b;
    b -= rate * (g_b + 0.9 * velocity_b);
    EXPECT_NEAR(values(Role::weight, 0)[2], w, 1e-14);
    EXPECT_NEAR(values(Role::weight, 1)[1], b, 1e-14);
  }
}

TEST_F(FinetuneOptimizerTest, AdamWScalesTheRateOfEachRange) {
  ClassifyOptim optim;
  optim.optimizer = OptimizerChoice::adamw;
  const auto middle = layout_.infos()[1].offset;
  FinetuneOptimizer optimizer(*device_, *store_,
                              {{{0, middle}, 0.25}, {{middle, layout_.size()}, 1}}, optim);
  const double w = values(Role::weight, 0)[0];
  set_gradient(0.3);
  optimizer.update(0, 0.1);  // the first step of AdamW has the size of the rate
  EXPECT_NEAR(w - values(Role::weight, 0)[0], 0.025, 1e-8);
  EXPECT_NEAR(1 - values(Role::weight, 1)[0], 0.1, 1e-8);
}

TEST(EncoderLayerRates, FallFromTheLastLayerToTheFirst) {
  ParamLayout layout;
  layout.begin_group("encoder");
  const auto config = TinyEncoder::encoder_config();
  const Encoder encoder(layout, config,
                        sincos_positions({config.grid_rows(), config.grid_cols()}, config.width));
  const auto rates = encoder_layer_rates(layout, config.depth, 0.5);
  ASSERT_EQ(rates.size(), 4U);  // patch embedding, two blocks, norm
  std::int64_t end = 0;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    EXPECT_EQ(rates[i].range.begin, end);
    end = rates[i].range.end;
    EXPECT_DOUBLE_EQ(rates[i].scale, std::pow(0.5, 3 - static_cast<double>(i)));
  }
  EXPECT_EQ(end, layout.size());
}

}  // namespace
}  // namespace ijepa::test
