// main() of a test program that runs on ranks. The first failed expectation of any rank becomes an
// exception, which ends the job: a rank that left its test early would leave the others waiting.
#include <cstdio>

#include "ijepa/comm/session.hpp"
#include "tests/mpi/ranks.hpp"

namespace ijepa::test {
namespace {

Communicator* all_ranks = nullptr;

}  // namespace

Communicator& ranks() {
  return *all_ranks;
}

}  // namespace ijepa::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  GTEST_FLAG_SET(throw_on_failure, true);
  GTEST_FLAG_SET(catch_exceptions, false);
  return ijepa::run_on_ranks(argc, argv, [](ijepa::Communicator& comm) {
    ijepa::test::all_ranks = &comm;
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    if (comm.rank() > 0) delete listeners.Release(listeners.default_result_printer());
    return RUN_ALL_TESTS();
  });
}
