// cuDNN itself, without a GPU: it has plans for every attention of every recipe and preset on the
// GPU whose properties IJEPA_GPU_PROPERTIES names, and they fit the workspace that is set aside.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/step/memory_plan.hpp"
#include "src/device/cuda/attention_graphs.hpp"
#include "tests/support/source_folder.hpp"

namespace ijepa::cuda {

void PrintTo(const AttentionShape& s, std::ostream* out) {
  *out << s.count << " sequences of " << s.length << " rows, " << s.queries() << " of them asking, "
       << s.heads << " heads of " << s.dim;
}

namespace {

constexpr std::int64_t images = 16;

/// What a recipe asks of a shape: forward, and backward unless only the target encoder uses it.
using Uses = std::map<AttentionShape, bool>;

/// The attention of a recipe at the longest masks it can draw.
void add_uses(const PretrainRecipe& recipe, Uses& uses) {
  const auto& e = recipe.model.encoder;
  const auto& p = recipe.model.predictor;
  const TokenPlan plan = worst_token_plan(IJepa(e, p, recipe.loss), recipe, images);
  uses.insert({{images, e.tokens(), e.heads, e.width / e.heads}, false});
  for (const auto& g : plan.context_groups)
    uses[{g.count, g.length, e.heads, e.width / e.heads}] = true;
  for (const auto& groups : {plan.predictor_groups, plan.mask_groups})
    for (const auto& g : groups)
      uses[{g.count, g.length, e.heads, p.width / e.heads, g.asking}] = true;
}

Uses all_uses() {
  Uses uses;
  for (const auto& file : std::filesystem::directory_iterator(test::source_folder() / "configs"))
    if (file.path().extension() == ".toml")
      add_uses(load_recipe(file.path().string(), {"data.shards=x"}).recipe, uses);
  for (const char* preset :
       {"vit_tiny", "vit_small", "vit_base", "vit_large", "vit_huge", "vit_giant"})
    add_uses(load_recipe(test::source_folder() / "configs/in1k_vith14_ep300.toml",
                         {"data.shards=x", std::string("model.name=") + preset})
                 .recipe,
             uses);
  return uses;
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

class RecipePlans : public CudnnPlans, public testing::WithParamInterface<Uses::value_type> {};

TEST_P(RecipePlans, Exist) {
  const auto& [shape, backward] = GetParam();
  expect_forward(shape);
  if (backward) expect_backward(shape);
}

INSTANTIATE_TEST_SUITE_P(Shapes, RecipePlans, testing::ValuesIn(all_uses()), [](const auto& param) {
  const AttentionShape& s = param.param.first;
  return fmt::format("{}_of_{}_rows_{}_asking_{}x{}", s.count, s.length, s.queries(), s.heads,
                     s.dim);
});

TEST_F(CudnnPlans, ServeTheLimitsOfOurRules) {
  for (const AttentionShape& s : {AttentionShape{3, 2, 1, 8},
                                  {1, 3, 2, 128},
                                  {5, 129, 3, 56},
                                  {3, 3, 1, 8, 2},
                                  {1, 200, 2, 128, 129},
                                  {5, 129, 3, 56, 129}}) {
    expect_forward(s);
    expect_backward(s);
  }
}

/// Processor time of this process in milliseconds.
double processor_time() {
  return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

TEST_F(CudnnPlans, AreReadBackAsTheyWereMade) {
  const AttentionShape shape{4, 67, 3, 64};
  for (const auto& make : {plan_attention_forward, plan_attention_backward}) {
    const double begin = processor_time();
    const CudnnPlan made = make(dnn_, shape, target_);
    std::string text = made.text();
    const double middle = processor_time();
    const CudnnPlan read = read_plan(dnn_, text, target_);
    fmt::print("{} bytes, made in {:.0f} ms of processor time, read in {:.1f}\n", text.size(),
               middle - begin, processor_time() - middle);
    EXPECT_EQ(read.workspace_bytes(), made.workspace_bytes());
    EXPECT_EQ(read.text(), text);
    text.resize(text.size() / 2);
    EXPECT_THROW(read_plan(dnn_, text, target_), Error);
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
