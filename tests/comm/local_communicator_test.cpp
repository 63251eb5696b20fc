#include <gtest/gtest.h>

#include <new>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/communicator.hpp"

namespace ijepa {
namespace {

TEST(LocalCommunicator, LeavesEverythingAsItIs) {
  const auto comm = local_communicator();
  EXPECT_EQ(comm->rank(), 0);
  EXPECT_EQ(comm->size(), 1);
  std::vector<float> x{1, 2, 3};
  comm->wait(comm->all_reduce_sum_async(make_tensor(x.data(), DType::f32, {3})));
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(comm->all_reduce(4.5, Reduction::sum), 4.5);
  EXPECT_EQ(comm->broadcast_text("text", 0), "text");
  EXPECT_EQ(comm->gather_all("mine"), std::vector<std::string>{"mine"});
  EXPECT_EQ(comm->gather_all_values(7), std::vector<int>{7});
  EXPECT_NO_THROW(require_equal_on_all_ranks(*comm, "nothing", "x"));
}

TEST(LocalCommunicator, AProblemIsAnAgreedError) {
  const auto comm = local_communicator();
  EXPECT_THROW(on_rank_0(*comm, [] { fail("Broken."); }), AgreedError);
  EXPECT_THROW(require_no_problem_on_any_rank(*comm, "Broken."), AgreedError);
}

TEST(LocalCommunicator, ALackOfMemoryIsToldInWords) {
  const auto comm = local_communicator();
  try {
    on_all_ranks(*comm, [] { throw std::bad_alloc(); });
    FAIL() << "nothing was thrown";
  } catch (const AgreedError& e) {
    EXPECT_STREQ(e.what(), "Out of memory.");
  }
}

}  // namespace
}  // namespace ijepa
