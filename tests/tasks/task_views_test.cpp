#include "ijepa/tasks/images/task_views.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"

namespace ijepa::test {
namespace {

class Views : public ::testing::Test {
 protected:
  Views() {
    write_pictures(folder_.path(), {.images = 8, .size = 48});
    images_ = open_images(folder_.path().string());
    settings_.image_height = settings_.image_width = 32;
    std::iota(all_.begin(), all_.end(), 0);
  }
  std::vector<std::uint8_t> train(int threads = 1, std::int64_t epoch = 0) {
    TaskViews views(*images_, settings_, 42, threads);
    std::vector<std::uint8_t> out(all_.size() * views.image_bytes());
    for (std::size_t i = 0; i < all_.size(); ++i)
      views.train(all_[i], epoch, all_[i], out.data() + i * views.image_bytes(),
                  static_cast<int>(i) % threads);
    return out;
  }
  std::vector<std::uint8_t> evaluate() {
    return TaskViews(*images_, settings_, 42, 1).evaluate(all_);
  }
  static constexpr std::ptrdiff_t bytes = std::ptrdiff_t{32} * 32 * 3;

  TemporaryFolder folder_;
  std::unique_ptr<Dataset> images_;
  ViewSettings settings_;
  std::vector<std::int64_t> all_ = std::vector<std::int64_t>(8);
};

TEST_F(Views, SquashedTrainingViewsAreTheEvaluationsOrTheirMirrors) {
  const auto plain = evaluate(), drawn = train();
  int mirrored = 0;
  for (std::ptrdiff_t i = 0; i < 8; ++i) {
    std::vector<std::uint8_t> own(plain.begin() + i * bytes, plain.begin() + (i + 1) * bytes);
    const std::vector<std::uint8_t> view(drawn.begin() + i * bytes,
                                         drawn.begin() + (i + 1) * bytes);
    if (view == own) continue;
    ++mirrored;
    flip_horizontal({own.data(), 32, 32});
    EXPECT_EQ(view, own) << i;
  }
  EXPECT_GT(mirrored, 0);
  EXPECT_LT(mirrored, 8);
  settings_.flip = false;
  EXPECT_EQ(train(), plain);
}

TEST_F(Views, BatchesMadeAheadAreThoseMadeAtOnce) {
  const auto plain = evaluate();
  for (const int threads : {1, 3}) {
    TaskViews views(*images_, settings_, 42, threads);
    auto ahead = views.evaluate_ahead(3, [](std::int64_t batch) {
      return batch == 1 ? std::vector<std::int64_t>{} : image_run(batch * 2, 4 - batch);
    });
    std::vector<std::uint8_t> got;
    for (const std::int64_t count : {4, 0, 2}) {
      const auto* batch = ahead.next();
      ASSERT_NE(batch, nullptr);
      EXPECT_EQ(std::ssize(batch->images), count);
      got.insert(got.end(), batch->pixels.begin(), batch->pixels.end());
    }
    EXPECT_EQ(ahead.next(), nullptr);
    EXPECT_EQ(got, std::vector(plain.begin(), plain.begin() + 6 * bytes));
  }
}

TEST_F(Views, SquashResizesTheWholePicture) {
  // 48 pixels to 37 on both sides, whatever the aspect, then the middle 32.
  const auto plain = evaluate();
  std::vector<std::uint8_t> encoded;
  images_->read(3, encoded);
  const auto picture = decode_image(encoded);
  std::vector<std::uint8_t> expected(static_cast<std::size_t>(bytes));
  Resizer().resize(picture.view(), {37, 37}, centre_box({37, 37}, {32, 32}), expected.data());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), plain.begin() + 3 * bytes));
}

TEST_F(Views, AreTheSameOnAnyNumberOfThreads) {
  settings_.transform = ViewTransform::random_crop;
  settings_.rand_augment = 9;
  EXPECT_EQ(train(1), train(3));
  EXPECT_NE(train(1, 0), train(1, 1));
}

}  // namespace
}  // namespace ijepa::test
