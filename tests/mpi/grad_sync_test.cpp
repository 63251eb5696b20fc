#include <thread>

#include "ijepa/core/rng.hpp"
#include "ijepa/train/step/step_gradients.hpp"
#include "tests/mpi/ranks.hpp"

namespace ijepa::test {
namespace {

constexpr std::int64_t n = 100003;

std::vector<float> gradient_of(int rank) {
  std::vector<float> x(n);
  Rng rng(11, Purpose::test, 0, static_cast<std::uint64_t>(rank));
  for (auto& v : x) v = static_cast<float>(rng.normal());
  return x;
}

std::vector<float> synchronised(const std::vector<std::int64_t>& offsets, GradSyncOptions options) {
  auto x = gradient_of(ranks().rank());
  const auto reducer = make_host_reducer(ranks());
  GradSync sync(*reducer, make_tensor(x.data(), DType::f32, {n}), options);
  for (const auto offset : offsets) {
    std::this_thread::sleep_for(std::chrono::milliseconds(ranks().rank()));
    sync.ready_down_to(offset);
  }
  sync.finish();
  return x;
}

TEST(GradSync, OverlapAndBucketsDoNotChangeTheSum) {
  IJEPA_RANKS(1, 2, 4);
  const auto plain = synchronised({}, {.bucket_bytes = 1 << 30, .first_bucket_bytes = 1 << 30});
  auto expected = gradient_of(0);
  for (int r = 1; r < ranks().size(); ++r) {
    const auto other = gradient_of(r);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += other[i];
  }
  EXPECT_EQ(plain, expected);
  const GradSyncOptions small{.bucket_bytes = 40000, .first_bucket_bytes = 1000};
  EXPECT_EQ(synchronised({n, 99999, 50000, 49999, 7, 0}, small), expected);
  EXPECT_EQ(synchronised({60000}, small), expected);
}

}  // namespace
}  // namespace ijepa::test
