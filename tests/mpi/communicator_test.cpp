#include "ijepa/comm/communicator.hpp"

#include <chrono>
#include <thread>

#include "tests/mpi/ranks.hpp"

namespace ijepa::test {
namespace {

template <class T>
std::vector<T> numbers_of(int rank, std::int64_t n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  auto bits = static_cast<std::uint32_t>(rank + 1);
  for (auto& v : x) {
    bits = bits * 1664525U + 1013904223U;  // sums of such numbers round, so their order shows
    v = static_cast<T>(bits >> 8) / static_cast<T>(7001);
  }
  return x;
}

template <class T>
void add_ranks(std::vector<T>& x) {
  auto& comm = ranks();
  comm.wait(comm.all_reduce_sum_async(
      make_tensor(x.data(), DTypeOf<T>::value, {static_cast<std::int64_t>(x.size())})));
}

template <class T>
void expect_sum_in_rank_order(std::int64_t n) {
  auto x = numbers_of<T>(ranks().rank(), n);
  auto expected = numbers_of<T>(0, n);
  for (int r = 1; r < ranks().size(); ++r) {
    const auto other = numbers_of<T>(r, n);
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += other[i];
  }
  add_ranks(x);
  EXPECT_EQ(x, expected) << n << " elements";  // bit for bit
}

TEST(Communicator, SumsInRankOrderOfAnyLength) {
  IJEPA_RANKS(1, 2, 4);
  for (const std::int64_t n : {1, 3, 7, 1000, 4194304 + 5}) {
    expect_sum_in_rank_order<float>(n);
    expect_sum_in_rank_order<double>(n);
  }
}

TEST(Communicator, SumsDoNotDependOnHowTheDataIsCut) {
  IJEPA_RANKS(2, 4);
  auto whole = numbers_of<float>(ranks().rank(), 10007), cut = whole;
  add_ranks(whole);
  std::vector<Communicator::Ticket> tickets;
  for (std::int64_t at = 0, n = 1; at < 10007; at += n, n = n * 3 % 1009) {
    n = std::min<std::int64_t>(n, 10007 - at);
    tickets.push_back(ranks().all_reduce_sum_async(make_tensor(cut.data() + at, DType::f32, {n})));
  }
  for (const auto t : tickets) ranks().wait(t);
  EXPECT_EQ(whole, cut);
}

TEST(Communicator, AsynchronousAndBlockingCallsKeepTheirOrder) {
  IJEPA_RANKS(1, 2, 4);
  auto& comm = ranks();
  const float size = static_cast<float>(comm.size());
  std::vector<float> x(1000, 1.0F);
  const auto t = make_tensor(x.data(), DType::f32, {1000});
  comm.all_reduce_sum_async(t);
  comm.all_reduce_sum_async(t);
  // Ranks arrive at different times; the queue still runs in the same order everywhere.
  std::this_thread::sleep_for(std::chrono::milliseconds(3 * comm.rank()));
  EXPECT_EQ(comm.all_reduce(comm.rank(), Reduction::max), comm.size() - 1);
  EXPECT_EQ(x[999], size * size);
  comm.wait(comm.all_reduce_sum_async(t));
  EXPECT_EQ(x[0], size * size * size);
}

TEST(Communicator, SmallReductions) {
  IJEPA_RANKS(1, 2, 4);
  auto& comm = ranks();
  const double r = comm.rank(), last = comm.size() - 1;
  std::vector<double> x{r, 10 - r};
  comm.all_reduce(x, Reduction::sum);
  EXPECT_EQ(x[0], last * (last + 1) / 2);
  EXPECT_EQ(comm.all_reduce(r, Reduction::max), last);
  EXPECT_EQ(comm.all_reduce(r, Reduction::min), 0);
}

TEST(Communicator, BroadcastsBytesAndTextsFromAnyRank) {
  IJEPA_RANKS(1, 2, 4);
  auto& comm = ranks();
  for (int root = 0; root < comm.size(); ++root) {
    const std::string text(static_cast<std::size_t>(root) * 100000, static_cast<char>('a' + root));
    EXPECT_EQ(comm.broadcast_text(comm.rank() == root ? text : "other", root), text);
  }
}

TEST(Communicator, GathersTextsAndValuesByRank) {
  IJEPA_RANKS(1, 2, 4);
  auto& comm = ranks();
  const auto texts = comm.gather_all(std::string(static_cast<std::size_t>(comm.rank()), 'x'));
  struct Value {
    int rank;
    double half;
  };
  const auto values = comm.gather_all_values(Value{comm.rank(), comm.rank() / 2.0});
  ASSERT_EQ(texts.size(), static_cast<std::size_t>(comm.size()));
  for (std::size_t r = 0; r < texts.size(); ++r) {
    EXPECT_EQ(texts[r], std::string(r, 'x'));
    EXPECT_EQ(values[r].rank, static_cast<int>(r));
    EXPECT_EQ(values[r].half, static_cast<double>(r) / 2.0);
  }
}

TEST(Communicator, RefusesWhatItCannotSum) {
  IJEPA_RANKS(2);
  std::vector<double> many(4097);
  EXPECT_THROW(ranks().all_reduce(many, Reduction::sum), Error);
  std::vector<std::int32_t> x(4);
  EXPECT_THROW(ranks().all_reduce_sum_async(make_tensor(x.data(), DType::i32, {4})), Error);
}

}  // namespace
}  // namespace ijepa::test
