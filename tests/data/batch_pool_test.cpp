#include "ijepa/data/loading/batch_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "ijepa/core/error.hpp"

namespace ijepa::test {
namespace {

struct Numbers {
  std::int64_t number = -1;
  std::vector<std::int64_t> items;
  bool whole = false;
};

/// Batch k of `counts[k]` items, item i of which is 100 k + i.
BatchRecipe<Numbers> numbers(std::vector<std::int64_t> counts) {
  return {
      .open = [counts](std::int64_t number, Numbers& batch) -> std::optional<std::int64_t> {
        if (number >= std::ssize(counts)) return {};
        const auto count = counts[static_cast<std::size_t>(number)];
        batch.number = number;
        batch.whole = false;
        batch.items.assign(static_cast<std::size_t>(count), -1);
        return count;
      },
      .fill = [](Numbers& batch, std::int64_t item,
                 int) { batch.items[static_cast<std::size_t>(item)] = 100 * batch.number + item; },
      .complete =
          [](Numbers& batch) {
            EXPECT_EQ(batch.items.back(), 100 * batch.number + std::ssize(batch.items) - 1);
            EXPECT_FALSE(batch.whole) << "complete() twice";
            batch.whole = true;
          }};
}

TEST(BatchPool, DeliversWholeBatchesInOrder) {
  const std::vector<std::int64_t> counts{3, 0, 0, 40, 1, 0};
  for (const int threads : {1, 2, 7})
    for (const int ahead : {1, 4})
      for (const std::int64_t first : {0, 2, 5, 6}) {
        SCOPED_TRACE(fmt::format("{} threads, {} ahead, from {}", threads, ahead, first));
        BatchPool<Numbers> pool(numbers(counts), {threads, ahead, first});
        for (auto number = first; number < std::ssize(counts); ++number) {
          const auto* batch = pool.next();
          ASSERT_NE(batch, nullptr);
          EXPECT_EQ(batch->number, number);
          ASSERT_EQ(std::ssize(batch->items), counts[static_cast<std::size_t>(number)]);
          EXPECT_EQ(batch->whole, !batch->items.empty());
          for (std::int64_t i = 0; i < std::ssize(batch->items); ++i)
            EXPECT_EQ(batch->items[static_cast<std::size_t>(i)], 100 * number + i);
        }
        EXPECT_EQ(pool.next(), nullptr);
        EXPECT_EQ(pool.next(), nullptr);
        EXPECT_GE(pool.wait_seconds(), 0);
      }
}

TEST(BatchPool, NumbersItsThreads) {
  constexpr int threads = 3;
  std::array<std::atomic<int>, threads> busy{};
  auto recipe = numbers({50, 50, 50});
  recipe.fill = [&](Numbers& batch, std::int64_t item, int thread) {
    ASSERT_TRUE(thread >= 0 && thread < threads) << thread;
    auto& own = busy[static_cast<std::size_t>(thread)];
    EXPECT_EQ(++own, 1) << "thread " << thread << " makes two items at once";
    batch.items[static_cast<std::size_t>(item)] = 100 * batch.number + item;
    --own;
  };
  BatchPool<Numbers> pool(recipe, {.threads = threads});
  while (pool.next() != nullptr) {
  }
}

std::string error_of(const BatchRecipe<Numbers>& recipe) {
  BatchPool<Numbers> pool(recipe, {});
  try {
    while (pool.next() != nullptr) {
    }
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

TEST(BatchPool, HandsOnWhatItsRecipeThrows) {
  const std::vector<std::int64_t> counts(6, 5);
  auto opening = numbers(counts), filling = numbers(counts), completing = numbers(counts);
  opening.open = [](std::int64_t number, Numbers&) -> std::optional<std::int64_t> {
    check(number < 4, "No batch {}.", number);
    return 0;
  };
  filling.fill = [](Numbers& batch, std::int64_t item, int) {
    check(batch.number<4, "No item {}.", item> 9 ? item : 0);
  };
  filling.complete = [](Numbers&) {};
  completing.complete = [](Numbers& batch) { check(batch.number < 4, "Not whole."); };
  EXPECT_EQ(error_of(opening), "No batch 4.");
  EXPECT_EQ(error_of(filling), "No item 0.");
  EXPECT_EQ(error_of(completing), "Not whole.");
}

TEST(BatchPool, RefusesWhatCannotWork) {
  const auto recipe = numbers({1});
  for (const PoolOptions& options :
       {PoolOptions{.threads = 0}, PoolOptions{.threads = 2000}, PoolOptions{.ahead = 0},
        PoolOptions{.ahead = -3}, PoolOptions{.ahead = 2000}, PoolOptions{.first = -1}})
    EXPECT_THROW(BatchPool<Numbers>(recipe, options), Error);
}

}  // namespace
}  // namespace ijepa::test
