#include <gtest/gtest.h>

#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/data/loading/sampler.hpp"

namespace ijepa {
namespace {

// Whatever the ranks and micro-batches, a step's slices are its positions, in order, without gaps.
TEST(TrainSchedule, RanksAndMicroBatchesCutTheSamePositions) {
  for (const std::int64_t global : {11, 13})
    for (const std::int64_t ranks : {1, 2, 3, 8})
      for (const std::int64_t micro : {1, 3, 100}) {
        for (std::int64_t step = 0; step < 9; ++step) {
          std::int64_t next = step % 3 * global;  // 40 images: three steps an epoch
          for (std::int64_t rank = 0; rank < ranks; ++rank) {
            const TrainSchedule schedule{40, global, micro, rank, ranks};
            schedule.check_possible();
            for (std::int64_t m = 0; m < schedule.micro_batches(); ++m) {
              const auto slice = schedule(step * schedule.micro_batches() + m);
              ASSERT_TRUE(slice.has_value());
              EXPECT_EQ(slice->step, step);
              EXPECT_EQ(slice->epoch, step / 3);
              EXPECT_EQ(slice->first, next);
              EXPECT_LE(slice->count, micro);
              EXPECT_GE(slice->count, 1);
              next += slice->count;
            }
          }
          EXPECT_EQ(next, (step % 3 + 1) * global);
        }
      }
}

TEST(TrainSchedule, RefusesWhatCannotWork) {
  const auto refused = [](const TrainSchedule& s) { EXPECT_THROW(s.check_possible(), Error); };
  refused({10, 11, 1, 0, 1});
  refused({10, 2, 1, 0, 3});
  refused({10, 2, 0, 0, 1});
  refused({10, 2, 1, 2, 2});
  refused({10, 2, 1, 0, 0});
}

TEST(EvaluationSchedule, RanksShareTheImages) {
  for (const std::int64_t images : {0, 1, 7, 20})
    for (const std::int64_t ranks : {1, 3, 8}) {
      std::int64_t next = 0;
      for (std::int64_t rank = 0; rank < ranks; ++rank) {
        const EvaluationSchedule schedule{images, 3, rank, ranks};
        schedule.check_possible();
        for (std::int64_t n = 0;; ++n) {
          const auto slice = schedule(n);
          if (!slice.has_value()) break;
          EXPECT_EQ(slice->first, next);
          EXPECT_GE(slice->count, 1);
          next += slice->count;
        }
        EXPECT_EQ(next, schedule.share_end());
      }
      EXPECT_EQ(next, images);
    }
  EXPECT_THROW((EvaluationSchedule{5, 0}).check_possible(), Error);
}

}  // namespace
}  // namespace ijepa
