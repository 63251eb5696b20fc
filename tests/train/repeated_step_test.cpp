// A step repeated with every operation checked: nothing is found where all is finite, whatever the
// step is made of, and a weight that is not is found at its layer.
#include "ijepa/train/fit/repeated_step.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "tests/support/step_run.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t images = 64;

/// An engine with fresh weights, and a step of it.
class Repeated {
 public:
  explicit Repeated(PretrainRecipe recipe)
      : recipe_(resolved(std::move(recipe))),
        plan_(plan_run(recipe_, images, 1)),
        engine_(recipe_, plan_.micro_batch, *device_, *comm_),
        step_(recipe_, plan_, 5, 0),
        pixels_(static_cast<std::size_t>(step_.micro_batches()) * step_.micro_bytes()) {
    engine_.store().initialise(3);
    Rng rng(4, Purpose::test);
    for (auto& value : pixels_) value = static_cast<std::uint8_t>(rng.below(256));
  }

  /// Sets every second element of a parameter, and the others to 0: what a norm makes sums to 0.
  void poison(Role role, const std::string& group, const std::string& name, double value) {
    for (const ParamInfo& info : engine_.model().layout().infos())
      if (info.group == group && info.name == name) {
        std::vector<double> values(static_cast<std::size_t>(info.size));
        for (std::size_t i = 0; i < values.size(); i += 2) values[i] = value;
        set_values(device_->ops(), values, engine_.store().values(role, info));
      }
    engine_.refresh();
  }

  /// The sentence; "" where all is finite. Of the first `micros` micro-batches; 0: of all.
  std::string find(std::int64_t micros = 0) {
    if (recipe_.loss.pooled())
      for (std::int64_t m = 0; m < step_.micro_batches(); ++m) {
        const TokenPlan tokens = step_.token_plan(m);
        engine_.survey(step_.micro_batch(m, pixels(m), tokens), step_.part(m));
      }
    const auto bytes = static_cast<std::size_t>(micros) * step_.micro_bytes();
    const auto some =
        std::span<const std::uint8_t>(pixels_).first(micros > 0 ? bytes : pixels_.size());
    const auto finding = find_not_finite(engine_, step_, some, comm_->activity());
    return finding ? sentence_of(*finding, step_) : "";
  }

  /// The losses of a step as a run makes it.
  std::vector<double> losses() {
    for (std::int64_t m = 0; m < step_.micro_batches(); ++m) {
      const TokenPlan tokens = step_.token_plan(m);
      engine_.accumulate(step_.micro_batch(m, pixels(m), tokens), step_.masks().loss_scale,
                         step_.part(m));
    }
    sums_ = engine_.finish(1);
    return engine_.micro_losses();
  }
  const StepSums& sums() const { return sums_; }

 private:
  static PretrainRecipe resolved(PretrainRecipe recipe) {
    resolve(recipe);
    return recipe;
  }
  std::span<const std::uint8_t> pixels(std::int64_t micro) const {
    return std::span(pixels_).subspan(static_cast<std::size_t>(micro) * step_.micro_bytes(),
                                      step_.micro_bytes());
  }

  PretrainRecipe recipe_;
  RunPlan plan_;
  std::unique_ptr<Device> device_ = make_device({"cpu", 1});
  std::unique_ptr<Communicator> comm_ = local_communicator();
  Engine engine_;
  RankStep step_;
  std::vector<std::uint8_t> pixels_;
  StepSums sums_;
};

PretrainRecipe tiny() {
  return tiny_recipe("shards", "run");
}

class RepeatedVariant : public testing::TestWithParam<RecipeVariant> {};

TEST_P(RepeatedVariant, IsFiniteOrNamesTheLayer) {
  PretrainRecipe r = tiny();
  GetParam().change(r);
  Repeated step(r);
  EXPECT_EQ(step.find(), "");
  step.poison(Role::target, "encoder", "blocks.1.mlp.fc2.weight",
              std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(step.find(), HasSubstr("linear_forward at target_encoder.blocks.1.mlp.fc2: the "
                                     "input w, "));
}

INSTANTIATE_TEST_SUITE_P(
    All, RepeatedVariant,
    testing::Values(RecipeVariant{"float32", [](PretrainRecipe&) {}},
                    RecipeVariant{"bfloat16",
                                  [](PretrainRecipe& r) {
                                    r.compute.precision = r.compute.residual = DType::bf16;
                                  }},
                    RecipeVariant{"recomputed_micro_batches",
                                  [](PretrainRecipe& r) {
                                    r.compute.recompute = Recompute::block;
                                    r.optim.micro_batch = 4;
                                  }},
                    RecipeVariant{"drop_path_joint",
                                  [](PretrainRecipe& r) {
                                    r.model.encoder.drop_path = r.model.predictor.drop_path = 0.5;
                                    r.model.predictor.depth = 2;
                                    r.model.predictor.joint = true;
                                  }},
                    RecipeVariant{"every_loss",
                                  [](PretrainRecipe& r) {
                                    r.loss = {1, 1, 0.5, 1, TargetScaling::centred, 2};
                                  }},
                    RecipeVariant{"every_loss_in_micro_batches",
                                  [](PretrainRecipe& r) {
                                    r.loss = {1, 1, 0.5, 1, TargetScaling::centred, 2};
                                    r.optim.micro_batch = 4;
                                  }}),
    [](const auto& variant) { return std::string(variant.param.name); });

TEST(RepeatedStep, NamesWhatOverflowsFirst) {
  struct Case {
    const char *group, *name, *found;
  };
  const double large = 3e38;
  for (const Case& c : std::vector<Case>{
           {"encoder", "patch_embed.proj.weight", "linear_forward at encoder.patch_embed.proj"},
           {"encoder", "blocks.0.attn.qkv.weight", "linear_forward at encoder.blocks.0.attn.qkv"},
           {"encoder", "blocks.1.mlp.fc1.weight",
            "linear_gelu_forward at encoder.blocks.1.mlp.fc1"},
           {"predictor", "predictor_blocks.0.attn.qkv.weight",
            "linear_forward at predictor.predictor_blocks.0.attn.qkv"},
           {"predictor", "predictor_proj.weight", "linear_forward at predictor.predictor_proj"}}) {
    Repeated step(tiny());
    step.poison(Role::weight, c.group, c.name, large);
    EXPECT_THAT(step.find(),
                StartsWith("step 5: the first value that is not finite is of rank 0, micro-batch 1 "
                           "of 1. " +
                           std::string(c.found) + ": the result "));
  }
}

TEST(RepeatedStep, NamesNormsAlone) {
  Repeated step(tiny());
  // The gradient of the layer behind is finite, its squares are not.
  step.poison(Role::weight, "predictor", "predictor_norm.weight", 1e24);
  const std::string said = step.find();
  EXPECT_THAT(said,
              HasSubstr("is of rank 0, the norms of its gradients. sum_squares: the result "));
}

TEST(RepeatedStep, TakesFewerMicroBatchesWithoutNorms) {
  PretrainRecipe r = tiny();
  r.optim.micro_batch = 4;
  Repeated step(r);
  EXPECT_EQ(step.find(2), "");
  step.poison(Role::weight, "encoder", "patch_embed.proj.weight", 3e38);
  EXPECT_THAT(step.find(2),
              HasSubstr("micro-batch 1 of 4. linear_forward at encoder.patch_embed.proj: "));
}

TEST(RepeatedStep, LeavesTheStepsOfARunAsTheyAre) {
  PretrainRecipe r = tiny();
  r.loss = {1, 1, 0.5, 1, TargetScaling::centred};
  Repeated straight(r), interrupted(r);
  const auto losses = straight.losses();
  EXPECT_EQ(interrupted.losses(), losses);
  EXPECT_EQ(interrupted.find(), "");
  EXPECT_EQ(interrupted.losses(), losses);
  EXPECT_EQ(interrupted.sums().encoder_gradient, straight.sums().encoder_gradient);
  EXPECT_EQ(interrupted.sums().predictor_gradient, straight.sums().predictor_gradient);
}

}  // namespace
}  // namespace ijepa::test
