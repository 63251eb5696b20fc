// Whole training runs of the authors' release, repeated: losses, features, gradients, final
// weights.
#include <gtest/gtest.h>

#include "ijepa/model/token_plan.hpp"
#include "ijepa/train/optimizer.hpp"
#include "tests/support/devices.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {
namespace {

/// Agreement asked of each precision (losses relative; features and gradients relative to the
/// tensor's largest magnitude; weights absolute; 0: not asked).
struct Bounds {
  const char* name;
  Precision precision;
  double loss, tensors, weights;
};

class StepGolden : public ::testing::TestWithParam<Bounds> {};

EncoderConfig encoder_config(const GoldenFile& f) {
  EncoderConfig c;
  c.name = "custom";
  c.width = f.integer("/", "dim");
  c.depth = f.integer("/", "depth");
  c.heads = f.integer("/", "heads");
  c.mlp_hidden =
      static_cast<std::int64_t>(static_cast<double>(c.width) * f.number("/", "mlp_ratio"));
  c.patch = f.integer("/", "patch");
  c.image_height = c.image_width = f.integer("/", "crop");
  return c;
}

PredictorConfig predictor_config(const GoldenFile& f) {
  PredictorConfig c;
  c.width = f.integer("/", "pred_dim");
  c.depth = f.integer("/", "pred_depth");
  c.mlp_hidden = 4 * c.width;
  return c;
}

std::vector<std::int32_t> indices(const GoldenFile& f, const std::string& name) {
  const auto values = f.values(name);
  return {values.begin(), values.end()};
}

class GoldenRun {
 public:
  GoldenRun(Device& device, const GoldenFile& file, Precision precision)
      : file_(file), run_(device, encoder_config(file), predictor_config(file), precision) {
    run_.store.initialise(1);
    for (const auto& info : run_.model.layout().infos()) {
      const auto start = file.values("initial/" + info.group + "/" + info.name);
      set_values(device.ops(), start, run_.store.values(Role::weight, info));
      if (info.group == "encoder")
        set_values(device.ops(), start, run_.store.values(Role::target, info));
    }
    run_.store.refresh_working_copies();
  }

  double step(std::int64_t s, const StepObserver& observer) {
    const std::string group = "steps/" + std::to_string(s);
    const auto image_shape = file_.shape(group + "/images");
    const std::int64_t batch = image_shape[0];
    run_.set_images(file_.values(group + "/images"), batch);
    const auto contexts = file_.shape(group + "/context_masks")[0];
    const auto target_shape = file_.shape(group + "/target_masks");
    const auto masks =
        masks_from_lists(indices(file_, group + "/context_masks"), contexts,
                         indices(file_, group + "/target_masks"), target_shape[0], batch);
    const auto& config = run_.model.encoder().config();
    const TokenPlan plan = make_token_plan(masks, config.tokens());
    const double elements =
        static_cast<double>(plan.target_rows.size()) * static_cast<double>(config.width);
    return run_.step(plan, 1 / elements, observer);
  }

  void update(std::int64_t s) {
    const std::string group = "steps/" + std::to_string(s);
    optimizer_step(run_.device.ops(), run_.store,
                   adamw_step({}, s, file_.number(group, "lr"), file_.number(group, "weight_decay"),
                              file_.number(group, "momentum")));
  }

  StepRun& run() { return run_; }

 private:
  const GoldenFile& file_;
  StepRun run_;
};

TEST_P(StepGolden, RepeatsTheReferencesRun) {
  const Bounds& bounds = GetParam();
  const auto files = golden_files("step");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind step";
  for (const auto& path : files) {
    SCOPED_TRACE(path.string());
    const GoldenFile file(path);
    const auto device = make_device(available_devices().front());
    GoldenRun golden(*device, file, bounds.precision);
    StepRun& run = golden.run();
    Ops& ops = device->ops();
    const auto expect = [&](Tensor got, const char* name) {
      EXPECT_LE(relative_error(host_values(ops, got), file.values(std::string("steps/0/") + name)),
                bounds.tensors)
          << name;
    };
    const StepObserver first{[&](Tensor features, Tensor targets) {
                               expect(features, "target_features");
                               expect(targets, "targets");
                             },
                             [&](Tensor context, Tensor predictions) {
                               expect(context, "context_features");
                               expect(predictions, "predictions");
                             }};
    const auto steps = file.integer("/", "steps");
    for (std::int64_t s = 0; s < steps; ++s) {
      const double loss = golden.step(s, s == 0 ? first : StepObserver{});
      const double wanted = file.number("steps/" + std::to_string(s), "loss");
      EXPECT_NEAR(loss / wanted, 1, bounds.loss) << "step " << s;
      if (s == 0)
        for (const auto& info : run.model.layout().infos()) {
          const auto name = "steps/0/gradients/" + info.group + "/" + info.name;
          EXPECT_LE(relative_error(run.gradient(info), file.values(name)), bounds.tensors) << name;
        }
      golden.update(s);
    }
    if (bounds.weights == 0) continue;
    const auto compare_final = [&](Role role, const std::string& group, const ParamInfo& info) {
      const auto wanted = file.values("final/" + group + "/" + info.name);
      const auto got = run.values(role, info);
      for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], wanted[i], bounds.weights) << group << " " << info.name << " " << i;
    };
    for (const auto& info : run.model.layout().infos()) {
      compare_final(Role::weight, info.group, info);
      if (info.group == "encoder") compare_final(Role::target, "target_encoder", info);
    }
  }
}

std::vector<Bounds> bounds() {
  std::vector<Bounds> all{{"float64", Precision::float64(), 1e-10, 1e-8, 1e-7},
                          {"float32", Precision::float32(), 2e-6, 1e-5, 2e-3},
                          {"bfloat16", Precision::bfloat16(), 5e-3, 4e-2, 0}};
  std::erase_if(all, [](const Bounds& b) {
    return !computes(available_devices().front(), b.precision.compute);
  });
  return all;
}

INSTANTIATE_TEST_SUITE_P(Precisions, StepGolden, ::testing::ValuesIn(bounds()),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace ijepa::test
