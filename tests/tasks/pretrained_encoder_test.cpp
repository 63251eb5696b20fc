#include "ijepa/tasks/network/pretrained_encoder.hpp"

#include <gtest/gtest.h>

#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa {
namespace {

/// Without a predictor an encoder starts as the same encoder with one: what untrained features are
/// compared with is the start of their own run.
TEST(PretrainedEncoder, StartsAsPretrainingDoes) {
  const auto device = make_device({"cpu", 1});
  for (const auto start : {StartWeights::authors, StartWeights::xavier}) {
    auto config = test::TinyEncoder::encoder_config();
    config.start = start;
    const IJepa whole(config, test::TinyEncoder::predictor_config());
    const PretrainedEncoder alone(*device, config, {32, 32}, StoreUse::inference);
    const auto &all = whole.layout().infos(), &own = alone.layout().infos();
    ASSERT_LE(own.size(), all.size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      EXPECT_EQ(own[i].name, all[i].name);
      EXPECT_EQ(own[i].init, all[i].init) << own[i].name;
    }
  }
}

}  // namespace
}  // namespace ijepa
