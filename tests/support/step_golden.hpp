// Golden steps: a training run of the authors' release, repeated on a device and compared with what
// the file holds of it: losses, features, gradients, final weights.
#pragma once
#include <string>
#include <vector>

#include "ijepa/model/token_plan.hpp"
#include "ijepa/train/step/step_gradients.hpp"
#include "tests/support/finding.hpp"
#include "tests/support/golden_file.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {

/// Agreement asked of each precision (losses relative; features and gradients relative to the
/// tensor's largest magnitude; weights absolute; 0: not asked).
struct StepBounds {
  std::string name;
  Precision precision;
  double loss, tensors, weights;
};

inline std::vector<StepBounds> step_bounds() {
  return {{"float64", Precision::float64(), 1e-10, 1e-8, 1e-7},
          {"float32", Precision::float32(), 2e-6, 1e-5, 2e-3},
          {"bfloat16", Precision::bfloat16(), 5e-3, 4e-2, 0}};
}

inline EncoderConfig encoder_config(const GoldenFile& f) {
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

inline PredictorConfig predictor_config(const GoldenFile& f) {
  PredictorConfig c;
  c.width = f.integer("/", "pred_dim");
  c.depth = f.integer("/", "pred_depth");
  c.mlp_hidden = 4 * c.width;
  return c;
}

class GoldenRun {
 public:
  GoldenRun(Device& device, const GoldenFile& file, const StepBounds& bounds)
      : file_(file),
        bounds_(bounds),
        run_(device, encoder_config(file), predictor_config(file), bounds.precision) {
    run_.store.initialise(1);
    for (const auto& info : run_.model.layout().infos()) {
      const auto start = file.values("initial/" + info.group + "/" + info.name);
      set_values(device.ops(), start, run_.store.values(Role::weight, info));
      if (info.group == "encoder")
        set_values(device.ops(), start, run_.store.values(Role::target, info));
    }
    run_.store.refresh_working_copies();
  }

  std::vector<Finding> repeat() {
    const auto steps = file_.integer("/", "steps");
    for (std::int64_t s = 0; s < steps; ++s) {
      const double wanted = file_.number("steps/" + std::to_string(s), "loss");
      const double loss = step(s);
      add("loss of step " + std::to_string(s), distance(loss / wanted, 1), bounds_.loss);
      if (s == 0) compare_gradients();
      update(s);
    }
    if (bounds_.weights > 0) compare_final();
    return std::move(findings_);
  }

 private:
  void add(std::string what, double error, double bound) {
    findings_.push_back({std::move(what), error, bound});
  }

  std::vector<std::int32_t> indices(const std::string& name) const {
    const auto values = file_.values(name);
    return {values.begin(), values.end()};
  }

  double step(std::int64_t s) {
    const std::string group = "steps/" + std::to_string(s);
    const std::int64_t batch = file_.shape(group + "/images")[0];
    run_.set_images(file_.values(group + "/images"), batch);
    const auto masks = masks_from_lists(
        indices(group + "/context_masks"), file_.shape(group + "/context_masks")[0],
        indices(group + "/target_masks"), file_.shape(group + "/target_masks")[0], batch);
    const auto& config = run_.model.encoder().config();
    const TokenPlan plan = make_token_plan(masks, config.tokens());
    const double elements =
        static_cast<double>(plan.target_rows.size()) * static_cast<double>(config.width);
    const auto compare = [&](Tensor got, const char* name) {
      add(name,
          relative_error(host_values(run_.device.ops(), got), file_.values(group + "/" + name)),
          bounds_.tensors);
    };
    const StepObserver first{[&](Tensor features, Tensor targets) {
                               compare(features, "target_features");
                               compare(targets, "targets");
                             },
                             [&](Tensor context, Tensor predictions) {
                               compare(context, "context_features");
                               compare(predictions, "predictions");
                             },
                             {}};
    return run_.step(plan, 1 / elements, s == 0 ? first : StepObserver{});
  }

  void update(std::int64_t s) {
    const std::string group = "steps/" + std::to_string(s);
    optimizer_step(run_.device.ops(), run_.store,
                   adamw_step({}, s, file_.number(group, "lr"), file_.number(group, "weight_decay"),
                              file_.number(group, "momentum")));
  }

  void compare_gradients() {
    for (const auto& info : run_.model.layout().infos()) {
      const auto name = "gradients/" + info.group + "/" + info.name;
      add(name, relative_error(run_.gradient(info), file_.values("steps/0/" + name)),
          bounds_.tensors);
    }
  }

  void compare_final() {
    const auto compare = [&](Role role, const std::string& group, const ParamInfo& info) {
      const auto wanted = file_.values("final/" + group + "/" + info.name);
      const auto got = run_.values(role, info);
      check(got.size() == wanted.size(), "{} has {} values, the file {}.", info.name, got.size(),
            wanted.size());
      // Softmax does not see what is added to all scores of a query, so the gradient of the keys'
      // biases is zero. AdamW makes steps out of what rounding leaves of it: only float64 leaves
      // so little that they end where the reference's do.
      const bool rounded = bounds_.precision.param != DType::f64;
      const bool has_keys = rounded && info.name.ends_with("attn.qkv.bias");
      const std::size_t third = got.size() / 3;
      double worst = 0;
      for (std::size_t i = 0; i < got.size(); ++i)
        if (!has_keys || i / third != 1) worst = std::max(worst, distance(got[i], wanted[i]));
      add("final " + group + " " + info.name, worst, bounds_.weights);
    };
    for (const auto& info : run_.model.layout().infos()) {
      compare(Role::weight, info.group, info);
      if (info.group == "encoder") compare(Role::target, "target_encoder", info);
    }
  }

  const GoldenFile& file_;
  const StepBounds& bounds_;
  StepRun run_;
  std::vector<Finding> findings_;
};

}  // namespace ijepa::test
