// Every gradient of a fine-tuned segmentation, loss to patch embedding, in float64 against central
// differences along a random direction of each parameter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "ijepa/tasks/segmentation/labels.hpp"
#include "ijepa/tasks/segmentation/network.hpp"
#include "ijepa/tasks/segmentation/pixel_loss.hpp"

namespace ijepa::test {
namespace {

constexpr std::int64_t images = 2, classes = 3;
constexpr Size size{20, 28};

EncoderConfig pretrained() {
  EncoderConfig c;
  c.width = 24;
  c.depth = 2;
  c.heads = 3;
  c.mlp_hidden = 40;
  c.patch = 4;
  c.image_height = c.image_width = 16;
  return c;
}

class SegmentationGradient : public ::testing::Test {
 protected:
  SegmentationGradient()
      : device_(make_device({.name = "cpu", .threads = 1})),
        encoder_(*device_, pretrained(), size, StoreUse::training, Precision::float64()),
        head_(*device_, 24, classes, StoreUse::training, Precision::float64()),
        memory_(std::size_t{1} << 21) {
    std::uint64_t stream = 0;
    for (ParamStore* store : {&encoder_.store(), &head_.store()}) {
      store->initialise(3);
      // Away from the start values, where biases and norms would hide mistakes.
      for (const auto& info : store->layout().infos()) {
        Rng rng(5, Purpose::test, 0, stream++);
        for (double& v : values(store->values(Role::weight, info))) v += 0.2 * rng.normal();
      }
    }
    Rng rng(6, Purpose::test);
    pixels_.resize(static_cast<std::size_t>(images * 3 * size.height * size.width));
    for (double& v : pixels_) v = rng.normal();
    for (std::int64_t b = 0; b < images; ++b) {
      labels_.push_back({size.height, size.width, {}});
      for (int i = 0; i < size.height * size.width; ++i) {
        const auto drawn = rng.below(classes + 1);
        labels_.back().index.push_back(drawn == classes ? ignored_label
                                                        : static_cast<std::uint8_t>(drawn));
      }
    }
  }

  static std::span<double> values(Tensor t) {
    return {t.as<double>(), static_cast<std::size_t>(t.numel())};
  }

  /// The loss; gradients as a side effect.
  double loss() {
    Arena arena(memory_.data(), memory_.size() * sizeof(double));
    Pass encoder_pass = encoder_.pass(device_->ops(), arena);
    Pass head_pass = head_.pass(device_->ops(), arena);
    const Grid grid{size.height / 4, size.width / 4};
    PretrainedEncoder::Saved saved;
    const Tensor tokens = encoder_.forward(
        encoder_pass,
        {make_tensor(pixels_.data(), DType::f64, {images, 3, size.height, size.width}), {}}, {},
        Recompute::none, saved);
    const auto scores = head_.forward<double>(head_pass, tokens, grid);
    std::vector<double> dscores(scores.size());
    const auto each = scores.size() / images;
    double sum = 0;
    for (std::size_t b = 0; b < labels_.size(); ++b)
      sum += scale * pixel_loss<double>(std::span(scores).subspan(b * each, each), score_grid(grid),
                                        labels_[b], scale,
                                        std::span(dscores).subspan(b * each, each), 1)
                         .loss;
    const Tensor dtokens = arena.keep(DType::f64, {tokens.rows(), tokens.cols()});
    head_.backward(head_pass, dscores, tokens, grid, dtokens);
    encoder_.backward(encoder_pass, dtokens, Recompute::none, saved);
    return sum;
  }

  void expect_gradient(ParamStore& store, const ParamInfo& info, std::uint64_t stream) {
    loss();
    const auto gradient = values(store.gradient({info.offset, info.offset + info.size}));
    const auto weight = values(store.values(Role::weight, info));
    const std::vector<double> start(weight.begin(), weight.end());
    std::vector<double> direction(start.size());
    Rng rng(8, Purpose::test, 0, stream);
    double slope = 0, sum = 0;
    for (std::size_t j = 0; j < direction.size(); ++j) {
      direction[j] = rng.normal();
      slope += direction[j] * gradient[j];
      sum += std::abs(direction[j] * gradient[j]);
    }
    const auto loss_at = [&](double h) {
      for (std::size_t j = 0; j < start.size(); ++j) weight[j] = start[j] + h * direction[j];
      const double value = loss();
      std::ranges::copy(start, weight.begin());
      return value;
    };
    const double h = 1e-4;
    const double difference =
        (8 * (loss_at(h) - loss_at(-h)) - (loss_at(2 * h) - loss_at(-2 * h))) / (12 * h);
    EXPECT_NEAR(difference, slope, 1e-6 * sum + 1e-9) << info.group << " " << info.name;
  }

  static constexpr double scale = 1e-3;

  std::unique_ptr<Device> device_;
  PretrainedEncoder encoder_;
  SegmentationHead head_;
  std::vector<double> pixels_, memory_;
  std::vector<IndexImage> labels_;
};

TEST_F(SegmentationGradient, AgreesWithCentralDifferences) {
  std::uint64_t stream = 0;
  for (ParamStore* store : {&encoder_.store(), &head_.store()})
    for (const auto& info : store->layout().infos()) expect_gradient(*store, info, stream++);
}

}  // namespace
}  // namespace ijepa::test
