// cuDNN itself, without a GPU: it has plans for every attention of every recipe and preset on the
// GPU whose properties IJEPA_GPU_PROPERTIES names, and they fit the workspace that is set aside.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "ijepa/train/memory_plan.hpp"
#include "ijepa/train/recipe.hpp"
#include "src/device/cuda/attention_graphs.hpp"

namespace ijepa::cuda {

void PrintTo(const AttentionShape& s, std::ostream* out) {
  *out << s.count << " sequences of " << s.length << " rows, " << s.heads << " heads of " << s.dim;
}

namespace {

constexpr std::int64_t images = 16;

struct Shapes {
  std::set<AttentionShape> forward_only, both;
};

/// The attention of a recipe at the longest masks it can draw.
void add_shapes(const PretrainRecipe& recipe, Shapes& shapes) {
  const auto& e = recipe.model.encoder;
  const auto& p = recipe.model.predictor;
  const IJepa model(e, p);
  const TokenPlan plan = worst_token_plan(model, recipe, images);
  shapes.forward_only.insert({images, e.tokens(), e.heads, e.width / e.heads});
  for (const auto& g : plan.context_groups)
    shapes.both.insert({g.count, g.length, e.heads, e.width / e.heads});
  for (const auto& g : plan.predictor_groups)
    shapes.both.insert({g.count, g.length, e.heads, p.width / e.heads});
}

Shapes all_shapes() {
  Shapes shapes;
  for (const auto& file : std::filesystem::directory_iterator(IJEPA_SOURCE_DIR "/configs"))
    if (file.path().extension() == ".toml")
      add_shapes(load_recipe(file.path().string(), {"data.shards=x"}).recipe, shapes);
  for (const char* preset :
       {"vit_tiny", "vit_small", "vit_base", "vit_large", "vit_huge", "vit_giant"})
    add_shapes(load_recipe(IJEPA_SOURCE_DIR "/configs/in1k_vith14_ep300.toml",
                           {"data.shards=x", std::string("model.name=") + preset})
                   .recipe,
               shapes);
  return shapes;
}

class CudnnPlans : public testing::Test {
 protected:
  CudnnPlans() {
    std::ostringstream text;
    text << std::ifstream(std::getenv("IJEPA_GPU_PROPERTIES")).rdbuf();
    target_.properties = text.str();
    check(!target_.properties.empty(), "IJEPA_GPU_PROPERTIES names no file.");
  }

  void expect_backward(AttentionShape s) const {
    ASSERT_TRUE(library_takes(s)) << testing::PrintToString(s);
    s.count = std::min(s.count, sequences_at_once(s));
    const auto plan = plan_attention_backward(dnn_, s, target_);
    const std::size_t room =
        static_cast<std::size_t>(s.count) * backward_workspace(s) + gpu_memory.attention_slack;
    EXPECT_LE(workspace_bytes(s, plan), room) << testing::PrintToString(s);
    EXPECT_LE(room, gpu_memory.attention) << testing::PrintToString(s);
  }
  void expect_forward(const AttentionShape& s) const {
    ASSERT_TRUE(library_takes(s)) << testing::PrintToString(s);
    EXPECT_LE(plan_attention_forward(dnn_, s, target_).workspace_bytes(),
              gpu_memory.attention_slack)
        << testing::PrintToString(s);
  }

  const Cudnn dnn_ = open_cudnn();
  CudnnTarget target_;
};

TEST_F(CudnnPlans, ServeEveryRecipeAndPreset) {
  const Shapes shapes = all_shapes();
  EXPECT_GT(shapes.both.size(), 10U);
  for (const auto& s : shapes.forward_only) expect_forward(s);
  for (const auto& s : shapes.both) {
    expect_forward(s);
    expect_backward(s);
  }
}

TEST_F(CudnnPlans, ServeTheLimitsOfOurRules) {
  for (const AttentionShape& s : {AttentionShape{3, 2, 1, 8}, {1, 3, 2, 128}, {5, 129, 3, 56}}) {
    expect_forward(s);
    expect_backward(s);
  }
}

TEST_F(CudnnPlans, AreRefusedInOneSentence) {
  std::string message;
  try {
    plan_attention_backward(dnn_, {2, 16, 2, 63}, target_);
  } catch (const Error& e) {
    message = e.what();
  }
  EXPECT_NE(message.find("cuDNN"), std::string::npos) << message;
  target_.properties = "{\"deviceVer\": 900}";
  EXPECT_THROW(plan_attention_forward(dnn_, {2, 16, 2, 64}, target_), Error);
}

}  // namespace
}  // namespace ijepa::cuda
