// What a run takes of a device's memory, told and refused before it starts.
#include "ijepa/train/step/memory_plan.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ijepa/device/gpu_memory.hpp"
#include "tests/support/source_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {
namespace {

IJepa model_of(const PretrainRecipe& r) {
  return {r.model.encoder, r.model.predictor};
}

std::string refusal(const PretrainRecipe& r, std::int64_t micro_batch, std::size_t free) {
  try {
    expect_room(model_of(r), r, micro_batch, r.optim.global_batch, free);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

/// The published ViT-H/14 and ViT-g/16 recipes in bfloat16 on a GPU, 128 images at once. ViT-g
/// needs its blocks' activations computed again: without that it takes 83 GB.
TEST(MemoryPlan, HugeAndGiantModelsFitEightyGigabytes) {
  for (const auto& [config, recompute] :
       {std::pair{"in1k_vith14_ep300", "none"}, {"in22k_vitg16_ep44", "block"}}) {
    const PretrainRecipe recipe =
        load_recipe(fmt::format("{}/configs/{}.toml", test::source_folder().string(), config),
                    {"data.shards=x", "compute.device=cuda", "compute.precision=bfloat16",
                     fmt::format("compute.recompute={}", recompute)})
            .recipe;
    const MemoryPlan plan = plan_memory(model_of(recipe), recipe, 128);
    EXPECT_LT(static_cast<double>(plan.total()), 78e9) << config;
    EXPECT_EQ(plan.libraries, gpu_memory.total());
  }
}

TEST(MemoryPlan, CpusHaveNoLibrariesToFeed) {
  PretrainRecipe r = tiny_recipe("x", "y");
  resolve(r);
  EXPECT_EQ(plan_memory(model_of(r), r, 4).libraries, 0U);
}

TEST(MemoryPlan, NamesTheLargestMicroBatchThatFits) {
  PretrainRecipe r = tiny_recipe("x", "y");
  resolve(r);
  const auto bytes = [&](std::int64_t images) {
    return plan_memory(model_of(r), r, images).total();
  };
  EXPECT_EQ(refusal(r, 16, bytes(16)), "");
  // 7 images would fit, but a rank's 16 are cut into equal parts.
  EXPECT_NE(refusal(r, 16, bytes(7)).find("set optim.micro_batch = 4, the largest that fits."),
            std::string::npos);
  EXPECT_NE(refusal(r, 16, bytes(1) - 1).find("and single images need"), std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
