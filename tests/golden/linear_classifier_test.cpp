#include <gtest/gtest.h>

#include <vector>

#include "ijepa/nn/linear.hpp"
#include "ijepa/tasks/finetune_optimizer.hpp"
#include "ijepa/tasks/linear_heads.hpp"
#include "ijepa/tasks/mix_images.hpp"
#include "ijepa/tasks/soft_cross_entropy.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {
namespace {

/// Mean over tokens: tokens (B, N, D) to (B, D).
Matrix<double> pooled(const double* tokens, std::int64_t batch, std::int64_t count,
                      std::int64_t width) {
  Matrix<double> out(batch, width);
  for (std::int64_t i = 0; i < batch * count * width; ++i)
    out.row(i / (count * width))[static_cast<std::size_t>(i % width)] +=
        tokens[i] / static_cast<double>(count);
  return out;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double bound,
                 const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], bound) << what;
}

TEST(GoldenHeads, LinearClassifierTraining) {
  const auto files = golden_files("heads");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind heads";
  for (const auto& path : files) {
    const GoldenFile file(path);
    if (!file.exists("classifier")) continue;
    const auto shape = file.shape("classifier/tokens");  // steps, B, N, D
    const auto tokens = file.values("classifier/tokens");
    const auto labels = file.values("classifier/labels");
    const auto losses = file.values("classifier/losses");
    const auto classes = file.shape("classifier/bias")[0];
    LinearHeads<double> head(
        shape[3], classes,
        {{file.number("classifier", "lr"), file.number("classifier", "weight_decay")}},
        file.number("classifier", "momentum"));
    head.weight.values = file.values("classifier/weight");
    head.bias = file.values("classifier/bias");
    for (std::int64_t s = 0; s < shape[0]; ++s) {
      const auto x =
          pooled(tokens.data() + s * shape[1] * shape[2] * shape[3], shape[1], shape[2], shape[3]);
      const auto first = labels.begin() + s * shape[1];
      const std::vector<std::int32_t> step_labels(first, first + shape[1]);
      const auto loss = head.step(x.view(), step_labels, 1.0);
      EXPECT_NEAR(loss[0], losses[static_cast<std::size_t>(s)], 1e-10) << path << " step " << s;
    }
    expect_near(head.weight.values, file.values("classifier/final_weight"), 1e-10, "weight");
    expect_near(head.bias, file.values("classifier/final_bias"), 1e-10, "bias");
  }
}

/// A linear layer on a device in float64, trained the way of ijepa-classify.
class DeviceHead {
 public:
  DeviceHead(std::int64_t width, std::int64_t classes, const ClassifyOptim& optim)
      : device_(make_device({.name = "cpu", .threads = 1})),
        head_(named(layout_), "head", {.in = width, .out = classes}),
        store_(*device_, layout_, Precision::float64(), StoreUse::training),
        optimizer_(*device_, store_, {{{0, layout_.size()}, 1}}, optim),
        memory_(*device_, 1 << 20) {
    store_.initialise(1);
  }

  Tensor values(std::size_t info) { return store_.values(Role::weight, layout_.infos()[info]); }
  Ops& ops() { return device_->ops(); }

  double step(const Matrix<double>& x, const std::vector<std::int32_t>& labels, std::int64_t number,
              double rate) {
    Arena arena(memory_.data(), memory_.bytes());
    Pass pass{ops(), arena, store_.precision(), store_.online(), store_.gradients()};
    const Tensor in = arena.keep(DType::f64, {x.rows, x.cols});
    const Tensor out = arena.keep(DType::f64, {x.rows, head_.out()});
    set_values(ops(), x.values, in);
    head_.forward(pass, in, out);
    Matrix<double> logits(x.rows, head_.out());
    logits.values = host_values(ops(), out);
    const auto targets = smoothed_targets(labels, head_.out(), 0);
    double loss = 0;
    for (const double l :
         soft_cross_entropy(logits.view(), targets.view(), 1 / static_cast<double>(x.rows)))
      loss += l / static_cast<double>(x.rows);
    set_values(ops(), logits.values, out);
    head_.backward_params(pass, out, in);
    optimizer_.update(number, rate);
    return loss;
  }

 private:
  static ParamLayout& named(ParamLayout& layout) {
    layout.begin_group("head");
    return layout;
  }

  std::unique_ptr<Device> device_;
  ParamLayout layout_;
  Linear head_;
  ParamStore store_;
  FinetuneOptimizer optimizer_;
  Buffer memory_;
};

TEST(GoldenHeads, TheLayerOfAClassifierTrainsAlike) {
  const auto files = golden_files("heads");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind heads";
  for (const auto& path : files) {
    const GoldenFile file(path);
    if (!file.exists("classifier")) continue;
    const auto shape = file.shape("classifier/tokens");
    const auto tokens = file.values("classifier/tokens");
    const auto labels = file.values("classifier/labels");
    const auto losses = file.values("classifier/losses");
    ClassifyOptim optim;
    optim.momentum = file.number("classifier", "momentum");
    optim.weight_decay = file.number("classifier", "weight_decay");
    DeviceHead head(shape[3], file.shape("classifier/bias")[0], optim);
    set_values(head.ops(), file.values("classifier/weight"), head.values(0));
    set_values(head.ops(), file.values("classifier/bias"), head.values(1));
    for (std::int64_t s = 0; s < shape[0]; ++s) {
      const auto x =
          pooled(tokens.data() + s * shape[1] * shape[2] * shape[3], shape[1], shape[2], shape[3]);
      const auto first = labels.begin() + s * shape[1];
      const double loss =
          head.step(x, {first, first + shape[1]}, s, file.number("classifier", "lr"));
      EXPECT_NEAR(loss, losses[static_cast<std::size_t>(s)], 1e-10) << path << " step " << s;
    }
    expect_near(host_values(head.ops(), head.values(0)), file.values("classifier/final_weight"),
                1e-10, "weight");
    expect_near(host_values(head.ops(), head.values(1)), file.values("classifier/final_bias"),
                1e-10, "bias");
  }
}

}  // namespace
}  // namespace ijepa::test
