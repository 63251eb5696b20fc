// Every gradient of a classifier, from soft cross-entropy through the mean over tokens to the
// pixels' embedding, in float64 against central differences along a random direction.
#include <gtest/gtest.h>

#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/classifier.hpp"
#include "tests/support/step_run.hpp"

namespace ijepa::test {
namespace {

constexpr std::int64_t images = 4, classes = 5;

struct Mode {
  const char* name;
  double drop_path = 0;
  Recompute recompute = Recompute::none;
  std::int64_t micro_batches = 1;
  Size image{12, 16};
};

class ClassifierGradient : public ::testing::TestWithParam<Mode> {
 protected:
  ClassifierGradient()
      : device_(make_device({.name = "cpu", .threads = 1})),
        classifier_(*device_, {encoder_config(), GetParam().image, classes, {}},
                    Trained::everything, Precision::float64(), GetParam().recompute, images),
        targets_(images, classes) {
    Rng rng(5, Purpose::test);
    for (auto* store : {&classifier_.encoder().store(), &classifier_.head()}) {
      store->initialise(3);
      for (const auto& info : store->layout().infos()) {
        auto values = host_values(device_->ops(), store->values(Role::weight, info));
        for (double& v : values) v += 0.2 * rng.normal();
        set_values(device_->ops(), values, store->values(Role::weight, info));
      }
    }
    const auto size = GetParam().image;
    pixels_.resize(static_cast<std::size_t>(images * size.height * size.width * 3));
    for (auto& v : pixels_) v = static_cast<std::uint8_t>(rng.below(256));
    for (std::int64_t i = 0; i < images; ++i) {
      double sum = 0;
      for (auto& t : targets_.row(i)) sum += t = rng.uniform();
      for (auto& t : targets_.row(i)) t /= sum;
    }
  }

  static EncoderConfig encoder_config() {
    EncoderConfig c;
    c.width = 24;
    c.depth = 2;
    c.heads = 3;
    c.mlp_hidden = 40;
    c.patch = 4;
    c.image_height = 12;
    c.image_width = 16;
    c.drop_path = GetParam().drop_path;
    return c;
  }

  double loss() {
    const auto micros = GetParam().micro_batches, count = images / micros;
    const auto bytes = pixels_.size() / static_cast<std::size_t>(micros);
    const std::vector<std::int64_t> all{100, 101, 102, 103};
    double sum = 0;
    for (std::int64_t m = 0; m < micros; ++m) {
      const auto first = static_cast<std::size_t>(m * count);
      const auto learned = classifier_.learn(
          {std::span(pixels_).subspan(static_cast<std::size_t>(m) * bytes, bytes),
           targets_.view().slice(m * count, count),
           {7, 1, std::span(all).subspan(first, static_cast<std::size_t>(count))}},
          0.25, m == 0 ? Write::overwrite : Write::accumulate);
      for (const double l : learned.losses) sum += 0.25 * l;
    }
    return sum;
  }

  /// Loss at `start + h direction` of one parameter.
  double loss_at(Tensor weight, const std::vector<double>& start,
                 const std::vector<double>& direction, double h) {
    auto moved = start;
    for (std::size_t j = 0; j < moved.size(); ++j) moved[j] += h * direction[j];
    set_values(device_->ops(), moved, weight);
    const double value = loss();
    set_values(device_->ops(), start, weight);
    return value;
  }

  std::unique_ptr<Device> device_;
  Classifier classifier_;
  std::vector<std::uint8_t> pixels_;
  Matrix<double> targets_;
};

TEST_P(ClassifierGradient, AgreesWithCentralDifferences) {
  std::uint64_t number = 0;
  for (auto* store : {&classifier_.head(), &classifier_.encoder().store()})
    for (const auto& info : store->layout().infos()) {
      loss();
      const auto gradient =
          host_values(device_->ops(), store->gradient({info.offset, info.offset + info.size}));
      const Tensor weight = store->values(Role::weight, info);
      const auto start = host_values(device_->ops(), weight);
      Rng rng(8, Purpose::test, 0, number++);
      std::vector<double> direction(start.size());
      double slope = 0, size = 0;
      for (std::size_t j = 0; j < direction.size(); ++j) {
        direction[j] = rng.normal();
        slope += direction[j] * gradient[j];
        size += std::abs(direction[j] * gradient[j]);
      }
      const auto at = [&](double h) { return loss_at(weight, start, direction, h); };
      const double h = 1e-4;  // fourth order: the error is far below the bound
      const double difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      EXPECT_NEAR(difference, slope, 1e-6 * size + 1e-9) << info.group << " " << info.name;
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, ClassifierGradient,
                         ::testing::Values(Mode{"plain"}, Mode{"drop_path", 0.4},
                                           Mode{"recompute", 0.4, Recompute::block},
                                           Mode{"micro_batches", 0.4, Recompute::none, 2},
                                           Mode{"other_size", 0, Recompute::none, 1, {16, 8}}),
                         [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace ijepa::test
