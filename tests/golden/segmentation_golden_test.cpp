// The segmentation head, its loss, every gradient and the scores against the reference's, float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ijepa/tasks/segmentation/labels.hpp"
#include "ijepa/tasks/segmentation/network.hpp"
#include "ijepa/tasks/segmentation/pixel_loss.hpp"
#include "ijepa/tasks/segmentation/scores.hpp"
#include "tests/support/golden.hpp"

namespace ijepa::test {
namespace {

constexpr double bound = 1e-10;

/// One golden file's head on the CPU, in float64.
class GoldenHead {
 public:
  explicit GoldenHead(const GoldenFile& file)
      : file_(file),
        shape_(file.shape("segmentation/tokens")),
        side_(static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(shape_[1]))))),
        device_(make_device({"cpu", 1})),
        head_(*device_, shape_[2], file.shape("segmentation/bias")[0], StoreUse::training,
              Precision::float64()),
        tokens_(file.values("segmentation/tokens")),
        dtokens_(tokens_.size()),
        memory_(std::size_t{1} << 22) {
    // Stored as (C, D, 3, 3); here (3, 3, C, D).
    const auto stored = file.values("segmentation/weight");
    auto* weight = values("weight");
    for_each_weight([&](std::size_t theirs, std::size_t ours) { weight[ours] = stored[theirs]; });
    std::ranges::copy(file.values("segmentation/bias"), values("bias"));
  }

  Grid grid() const { return {side_, side_}; }
  std::int64_t images() const { return shape_[0]; }
  std::size_t classes() const { return static_cast<std::size_t>(head_.classes()); }

  std::vector<double> forward() {
    Arena arena(memory_.data(), memory_.size() * sizeof(double));
    Pass pass = head_.pass(device_->ops(), arena);
    return head_.forward<double>(pass, tensor(tokens_), grid());
  }
  void backward(const std::vector<double>& dscores) {
    Arena arena(memory_.data(), memory_.size() * sizeof(double));
    Pass pass = head_.pass(device_->ops(), arena);
    head_.backward(pass, dscores, tensor(tokens_), grid(), tensor(dtokens_));
  }
  const std::vector<double>& dtokens() const { return dtokens_; }
  double* gradient(const std::string& name) {
    return static_cast<double*>(head_.store().gradient(range(name)).data);
  }
  /// visit(index in (C, D, 3, 3), index in (3, 3, C, D)).
  template <class Visit>
  void for_each_weight(const Visit& visit) const {
    const auto d = static_cast<std::size_t>(shape_[2]);
    for (std::size_t c = 0; c < classes(); ++c)
      for (std::size_t i = 0; i < d; ++i)
        for (std::size_t tap = 0; tap < 9; ++tap)
          visit((c * d + i) * 9 + tap, (tap * classes() + c) * d + i);
  }

 private:
  ParamRange range(const std::string& name) {
    for (const auto& info : head_.layout().infos())
      if (info.name == name) return {info.offset, info.offset + info.size};
    fail("no parameter {}", name);
  }
  double* values(const std::string& name) {
    return static_cast<double*>(head_.store().flat(Role::weight, range(name)).data);
  }
  Tensor tensor(std::vector<double>& values) const {
    return make_tensor(values.data(), DType::f64, {shape_[0] * shape_[1], shape_[2]});
  }

  const GoldenFile& file_;
  std::vector<std::int64_t> shape_;  // B, N, D
  std::int64_t side_;
  std::unique_ptr<Device> device_;
  SegmentationHead head_;
  std::vector<double> tokens_, dtokens_, memory_;
};

std::vector<IndexImage> label_maps(const GoldenFile& file, const std::string& name,
                                   double ignored) {
  const auto shape = file.shape(name);
  const auto values = file.values(name);
  std::vector<IndexImage> maps;
  const auto each = static_cast<std::size_t>(shape[1] * shape[2]);
  for (std::int64_t b = 0; b < shape[0]; ++b) {
    maps.push_back({static_cast<int>(shape[1]), static_cast<int>(shape[2]), {}});
    for (std::size_t i = 0; i < each; ++i) {
      const double value = values[static_cast<std::size_t>(b) * each + i];
      maps.back().index.push_back(value == ignored ? ignored_label
                                                   : static_cast<std::uint8_t>(value));
    }
  }
  return maps;
}

/// Mean loss of all pixels that count, its gradient and the scores.
PixelResult loss_of(const std::vector<double>& scores, const std::vector<IndexImage>& labels,
                    Grid cells, std::vector<double>& dscores) {
  std::int64_t pixels = 0;
  for (const auto& map : labels)
    pixels += std::ranges::count_if(map.index, [](auto l) { return l != ignored_label; });
  dscores.assign(scores.size(), 0);
  PixelResult sum;
  const auto each = scores.size() / labels.size();
  for (std::size_t b = 0; b < labels.size(); ++b) {
    const auto part = pixel_loss<double>(std::span(scores).subspan(b * each, each), cells,
                                         labels[b], 1 / static_cast<double>(pixels),
                                         std::span(dscores).subspan(b * each, each), 2);
    sum.confusion.resize(part.confusion.size());
    add(part, sum);
  }
  return sum;
}

void expect_equal(const double* got, const std::vector<double>& expected, const char* what) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], bound) << what << " " << i;
}

TEST(GoldenHeads, SegmentationHeadLossAndGradients) {
  const auto files = golden_files("heads");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind heads";
  for (const auto& path : files) {
    const GoldenFile file(path);
    if (!file.exists("segmentation")) continue;
    SCOPED_TRACE(path);
    GoldenHead head(file);
    const auto scores = head.forward();
    const auto low = file.values("segmentation/low");  // (B, C, h, w); ours (B, h, w, C)
    const auto cells = score_grid(head.grid());
    const auto count = static_cast<std::size_t>(cells.tokens()), c = head.classes();
    ASSERT_EQ(scores.size(), low.size());
    for (std::size_t i = 0; i < scores.size(); ++i)
      ASSERT_NEAR(scores[i], low[(i / (c * count) * c + i % c) * count + i / c % count], bound);
    std::vector<double> dscores;
    const auto labels = label_maps(file, "segmentation/labels", -1);
    const auto result = loss_of(scores, labels, cells, dscores);
    EXPECT_NEAR(result.loss / static_cast<double>(result.pixels),
                file.number("segmentation", "loss"), bound);
    head.backward(dscores);
    expect_equal(head.dtokens().data(), file.values("segmentation/d_tokens"), "d_tokens");
    expect_equal(head.gradient("bias"), file.values("segmentation/d_bias"), "d_bias");
    const auto dweight = file.values("segmentation/d_weight");
    head.for_each_weight([&](std::size_t theirs, std::size_t ours) {
      ASSERT_NEAR(head.gradient("weight")[ours], dweight[theirs], bound) << theirs;
    });
  }
}

TEST(GoldenHeads, SegmentationScoresWithIgnoredPixels) {
  const auto files = golden_files("heads");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind heads";
  for (const auto& path : files) {
    const GoldenFile file(path);
    if (!file.exists("segmentation_ignore")) continue;
    SCOPED_TRACE(path);
    GoldenHead head(file);
    std::vector<double> dscores;
    const auto labels = label_maps(file, "segmentation_ignore/labels",
                                   file.number("segmentation_ignore", "ignore_index"));
    const auto result = loss_of(head.forward(), labels, score_grid(head.grid()), dscores);
    EXPECT_NEAR(result.loss / static_cast<double>(result.pixels),
                file.number("segmentation_ignore", "loss"), bound);
    const auto confusion = file.values("segmentation_ignore/confusion");
    for (std::size_t i = 0; i < confusion.size(); ++i)
      EXPECT_EQ(static_cast<double>(result.confusion[i]), confusion[i]) << i;
    const auto scores = scores_of(result.confusion);
    expect_equal(scores.iou.data(), file.values("segmentation_ignore/iou"), "iou");
    EXPECT_NEAR(scores.mean_iou, file.number("segmentation_ignore", "mean_iou"), bound);
    EXPECT_NEAR(scores.pixel_accuracy, file.number("segmentation_ignore", "pixel_accuracy"), bound);
  }
}

}  // namespace
}  // namespace ijepa::test
