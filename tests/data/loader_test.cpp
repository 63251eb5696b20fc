#include "ijepa/data/loading/loader.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "ijepa/data/shards/shard_set.hpp"
#include "shard_fixture.hpp"
#include "tests/support/pictures.hpp"

namespace ijepa::test {
namespace {

class LoaderTest : public ShardFixture {
 protected:
  static constexpr std::int64_t images = 50;

  void SetUp() override {
    ShardFixture::SetUp();
    write_pictures({});
  }

  static Bytes picture(std::int64_t i) {
    return encode_jpeg(
        draw_picture(20 + static_cast<int>(i % 7), 24, static_cast<std::uint64_t>(i)));
  }

  /// Two shards of 30 and 20 images; those in `broken` have no JPEG inside, though their checksum
  /// is right.
  void write_pictures(const std::vector<std::int64_t>& broken) {
    std::int64_t image = 0;
    for (const int shard : {0, 1}) {
      const std::int64_t end = shard == 0 ? 30 : images;
      std::vector<Bytes> encoded;
      std::vector<ShardRecord> records;
      for (; image < end; ++image) {
        encoded.push_back(picture(image));
        if (std::find(broken.begin(), broken.end(), image) != broken.end())
          encoded.back().assign(40, 0xFF);
        const std::string key = "cat/" + std::to_string(image) + ".jpg";
        const auto label = static_cast<std::int32_t>(image % 3);
        records.push_back(
            {key, label, encoded.back().size(), image_checksum(encoded.back(), key, label)});
      }
      ShardWriter writer(shard_path(shard), {shard, 2, 7, class_names()}, records);
      for (const auto& bytes : encoded) writer.append(bytes);
      writer.finish();
    }
  }

  std::string shard_path(int shard) const { return folder() + "/" + shard_file_name(shard, 2); }

  static LoaderOptions options() {
    LoaderOptions o;
    o.augment.crop_height = 16;
    o.augment.crop_width = 12;
    o.seed = 3;
    o.max_bad_lines = 2;
    return o;
  }

  static TrainSchedule schedule(std::int64_t global = 12, std::int64_t micro = 12) {
    return {images, global, micro, 0, 1};
  }

  /// The next `n` batches, copied.
  static std::vector<Batch> take(Loader& loader, int n) {
    std::vector<Batch> out;
    for (int i = 0; i < n; ++i) {
      const Batch* batch = loader.next();
      if (batch == nullptr) break;
      out.push_back(*batch);
    }
    return out;
  }

  /// All images of some batches in order, as one string of bytes.
  static Bytes pixels(const std::vector<Batch>& batches) {
    Bytes all;
    for (const auto& b : batches) all.insert(all.end(), b.images.begin(), b.images.end());
    return all;
  }
};

TEST_F(LoaderTest, DeliversTheSamplersImagesInOrder) {
  const ShardSet shards = ShardSet::open(folder());
  const Sampler sampler(images, 3);
  Loader loader(shards, sampler, schedule(), options());
  Augmenter augmenter(options().augment, 3);
  Bytes expected(16 * 12 * 3);
  const auto batches = take(loader, 9);
  ASSERT_EQ(batches.size(), 9U);
  for (std::size_t b = 0; b < batches.size(); ++b) {
    const Batch& batch = batches[b];
    EXPECT_EQ(batch.number, static_cast<std::int64_t>(b));
    EXPECT_EQ(batch.step, batch.number);
    EXPECT_EQ(batch.epoch, batch.step / 4);
    EXPECT_EQ(batch.first_position, batch.step % 4 * 12);
    ASSERT_EQ(batch.count(), 12);
    for (std::int64_t i = 0; i < 12; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const std::int64_t position = batch.first_position + i;
      const std::int64_t image = sampler.index(batch.epoch, position);
      ASSERT_EQ(batch.indices[at], image);
      EXPECT_EQ(batch.labels[at], image % 3);
      augmenter.train(picture(image), batch.epoch, position, expected.data());
      EXPECT_TRUE(
          std::equal(expected.begin(), expected.end(),
                     batch.images.begin() + i * static_cast<std::int64_t>(expected.size())));
    }
  }
  EXPECT_GE(loader.wait_seconds(), 0);
  EXPECT_EQ(loader.bad_images().bad, 0);
}

TEST_F(LoaderTest, ThreadsMicroBatchesAndRanksDoNotChangeTheImages) {
  const ShardSet shards = ShardSet::open(folder());
  const Sampler sampler(images, 3, {Order::blocks, 4, 3});
  Loader plain(shards, sampler, schedule(), options());
  const auto whole = pixels(take(plain, 8));

  LoaderOptions many = options();
  many.threads = 7;
  many.prefetch_batches = 1;
  Loader threaded(shards, sampler, schedule(12, 5), many);
  EXPECT_EQ(pixels(take(threaded, 24)), whole) << "micro-batches of 5, 5 and 2";

  std::vector<std::vector<Batch>> parts;
  for (const int rank : {0, 1, 2, 3, 4}) {  // shares of 2, 2, 3, 2 and 3 images
    Loader loader(shards, sampler, TrainSchedule{images, 12, 12, rank, 5}, options());
    parts.push_back(take(loader, 8));
  }
  std::vector<Batch> joined;
  for (std::size_t step = 0; step < 8; ++step)
    for (const auto& part : parts) joined.push_back(part[step]);
  EXPECT_EQ(pixels(joined), whole);
}

TEST_F(LoaderTest, ResumesAtAnyBatch) {
  const ShardSet shards = ShardSet::open(folder());
  const Sampler sampler(images, 3);
  Loader plain(shards, sampler, schedule(12, 4), options());
  const auto all = take(plain, 20);
  for (const std::int64_t first : {1, 7, 13}) {
    LoaderOptions resumed = options();
    resumed.first_batch = first;
    Loader loader(shards, sampler, schedule(12, 4), resumed);
    const auto rest = take(loader, static_cast<int>(20 - first));
    EXPECT_EQ(pixels(rest), pixels({all.begin() + first, all.end()}));
    EXPECT_EQ(rest[0].step, first / 3);
  }
}

TEST_F(LoaderTest, EvaluationTakesEveryImageOnceInOrder) {
  const ShardSet shards = ShardSet::open(folder());
  const Sampler sampler(images, 0, {Order::stored});
  LoaderOptions evaluation = options();
  evaluation.view = View::evaluation;
  Augmenter augmenter(evaluation.augment);
  Bytes expected(16 * 12 * 3);
  std::int64_t image = 0;
  for (const int rank : {0, 1, 2}) {
    Loader loader(shards, sampler, EvaluationSchedule{images, 7, rank, 3}, evaluation);
    while (const Batch* batch = loader.next()) {
      EXPECT_LE(batch->count(), 7);
      for (std::size_t i = 0; i < batch->indices.size(); ++i, ++image) {
        ASSERT_EQ(batch->indices[i], image);
        EXPECT_EQ(batch->labels[i], image % 3);
        augmenter.evaluate(picture(image), expected.data());
        EXPECT_TRUE(
            std::equal(expected.begin(), expected.end(),
                       batch->images.begin() + static_cast<std::ptrdiff_t>(i * expected.size())));
      }
    }
    EXPECT_EQ(loader.next(), nullptr) << "the end stays the end";
  }
  EXPECT_EQ(image, images);
}

TEST_F(LoaderTest, UnreadableImagesAreReplacedByTheNextCountedAndNamedOnce) {
  write_pictures({4, 5, 49});
  const ShardSet shards = ShardSet::open(folder());
  LoaderOptions evaluation = options();
  evaluation.view = View::evaluation;
  testing::internal::CaptureStderr();
  std::vector<std::int64_t> indices;
  {
    // Two passes over the data by a schedule of its own.
    const SliceSchedule twice = [](std::int64_t number) -> std::optional<Slice> {
      if (number >= 2) return std::nullopt;
      return Slice{number, number, 0, images};
    };
    Loader loader(shards, Sampler(images, 0, {Order::stored}), twice, evaluation);
    while (const Batch* batch = loader.next()) {
      indices.insert(indices.end(), batch->indices.begin(), batch->indices.end());
      EXPECT_EQ(batch->labels[4], 6 % 3) << "the label is the replacement's";
    }
    EXPECT_EQ(loader.bad_images().bad, 6);
    EXPECT_EQ(loader.bad_images().read, 100);
  }
  const std::string log = testing::internal::GetCapturedStderr();
  for (const std::int64_t pass : {0, 50})
    for (std::int64_t i = 0; i < images; ++i) {
      const std::int64_t expected = i == 4 || i == 5 ? 6 : i == 49 ? 0 : i;
      EXPECT_EQ(indices[static_cast<std::size_t>(pass + i)], expected);
    }
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;  // max_bad_lines
  EXPECT_NE(log.find("no JPEG, PNG"), std::string::npos) << log;
  EXPECT_NE(log.find("cat/"), std::string::npos) << log;
  EXPECT_NE(log.find(shard_file_name(0, 2)), std::string::npos) << log;
  EXPECT_NE(log.find("Further ones are only counted"), std::string::npos) << log;
}

TEST_F(LoaderTest, ChangedBytesAreFoundByTheirChecksum) {
  const ShardSet shards = ShardSet::open(folder());
  const auto extent = shards.extent(8);
  File file(shards.shard_path(extent.shard), File::Mode::update);
  const std::uint8_t other = 0x55;
  file.write(extent.offset + extent.bytes / 2, &other, 1);
  testing::internal::CaptureStderr();
  LoaderOptions evaluation = options();
  evaluation.view = View::evaluation;
  Loader loader(shards, Sampler(images, 0, {Order::stored}), EvaluationSchedule{images, images},
                evaluation);
  EXPECT_EQ(loader.next()->indices[8], 9);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("checksum"), std::string::npos);
}

std::string next_error(Loader& loader) {
  try {
    while (loader.next() != nullptr) {
    }
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST_F(LoaderTest, TooManyUnreadableImagesStopTheRun) {
  write_pictures({4, 5, 49});
  const ShardSet shards = ShardSet::open(folder());
  LoaderOptions strict = options();
  strict.max_bad_lines = 0;
  for (const auto& [rate, said] :
       {std::pair(0.0, " cannot be read: It is no JPEG, PNG"),
        {0.002, "could not be read, above the allowed share"}}) {  // 2 of the first 1000
    strict.max_bad_rate = rate;
    Loader loader(shards, Sampler(images, 3), schedule(), strict);
    const std::string message = next_error(loader);
    EXPECT_NE(message.find(said), std::string::npos) << message;
    EXPECT_EQ(next_error(loader), message) << "the error stays";
  }
  std::vector<std::int64_t> all(images);
  std::iota(all.begin(), all.end(), 0);
  write_pictures(all);
  const ShardSet broken = ShardSet::open(folder());
  strict.max_bad_rate = 1;
  Loader loader(broken, Sampler(images, 3), schedule(), strict);
  EXPECT_NE(next_error(loader).find("No readable image"), std::string::npos);
}

// Said of the whole set: nothing is put in the place of such an image.
TEST_F(LoaderTest, AnImageOfOtherChannelsEndsTheRunWithItsName) {
  const ShardSet shards = ShardSet::open(folder());
  LoaderOptions five = options();
  five.augment.channels = 5;
  five.augment.colour_strength = 0;
  five.augment.blur = false;
  five.max_bad_rate = 1;
  Loader loader(shards, Sampler(images, 3), schedule(), five);
  const std::string message = next_error(loader);
  EXPECT_TRUE(message.starts_with("image ")) << message;
  for (const char* part : {"cat/", ".jpg", "It is a JPEG image", "reads 5 (data.channels)"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST_F(LoaderTest, ErrorsOfTheScheduleReachTheCaller) {
  const ShardSet shards = ShardSet::open(folder());
  const Sampler sampler(images, 3);
  Loader beyond(
      shards, sampler,
      [](std::int64_t) {
        return Slice{0, 0, 45, 6};
      },
      options());
  EXPECT_NE(next_error(beyond).find("positions 45 to 50 of an epoch of 50"), std::string::npos);
  Loader throwing(
      shards, sampler, [](std::int64_t) -> std::optional<Slice> { fail("No schedule today."); },
      options());
  EXPECT_EQ(next_error(throwing), "No schedule today.");
}

TEST_F(LoaderTest, StopsInTheMiddleOfPrefetching) {
  const ShardSet shards = ShardSet::open(folder());
  for (int taken = 0; taken < 6; ++taken) {
    LoaderOptions o = options();
    o.threads = 4;
    o.prefetch_batches = 8;
    Loader loader(shards, Sampler(images, 3), schedule(12, 3), o);
    take(loader, taken);
  }
}

// The prefetch is bounded, and a batch in use is not written to.
TEST_F(LoaderTest, PrefetchesOnlyIntoFreeBuffers) {
  const ShardSet shards = ShardSet::open(folder());
  std::atomic<std::int64_t> asked{0};
  const auto inner = schedule();
  const SliceSchedule counting = [&](std::int64_t number) {
    asked = std::max(asked.load(), number + 1);
    return inner(number);
  };
  LoaderOptions o = options();
  o.prefetch_batches = 2;
  Loader loader(shards, Sampler(images, 3), counting, o);
  const Batch* first = loader.next();
  const auto before = first->images;
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(asked, 3);
  EXPECT_EQ(first->images, before);
  loader.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(asked, 4);
}

TEST_F(LoaderTest, WorkersLeaveSignalsToTheMainThread) {
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  EXPECT_EQ(sigismember(&mine, SIGTERM), 0);
  const ShardSet shards = ShardSet::open(folder());
  std::atomic<int> blocked{-1};
  const SliceSchedule looking = [&](std::int64_t) -> std::optional<Slice> {
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, nullptr, &set);
    blocked = sigismember(&set, SIGTERM) + sigismember(&set, SIGINT);
    return std::nullopt;
  };
  Loader loader(shards, Sampler(images, 3), looking, options());
  EXPECT_EQ(loader.next(), nullptr);
  EXPECT_EQ(blocked, 2);
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  EXPECT_EQ(sigismember(&mine, SIGTERM), 0) << "the mask of the maker is restored";
}

TEST_F(LoaderTest, RefusesWhatCannotWork) {
  const ShardSet shards = ShardSet::open(folder());
  const auto refused = [&](auto change, std::int64_t size = images) {
    LoaderOptions o = options();
    change(o);
    EXPECT_THROW(Loader(shards, Sampler(size, 3), schedule(), o), Error);
  };
  refused([](auto& o) { o.threads = 0; });
  refused([](auto& o) { o.prefetch_batches = 0; });
  refused([](auto& o) { o.max_bad_rate = 1.5; });
  refused([](auto& o) { o.first_batch = -1; });
  refused([](auto& o) { o.augment.crop_width = 0; });
  refused([](auto&) {}, images + 1);
}

}  // namespace
}  // namespace ijepa::test
