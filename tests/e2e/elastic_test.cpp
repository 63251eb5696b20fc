// A run goes on with another number of ranks and another micro-batch as if nothing had happened.
#include "tests/support/pretrain_program.hpp"

namespace ijepa::test {
namespace {

TEST_F(PretrainProgram, FourRanksThenOneThenTwoFollowTwoRanksStraight) {
  struct Part {
    int ranks, steps, micro_batch;
  };
  const auto train = [&](const std::string& name, const Part& part) {
    const Ended ended = run(
        on_ranks(part.ranks, command({run_dir(name), steps(part.steps),
                                      "optim.micro_batch=" + std::to_string(part.micro_batch)})));
    ASSERT_EQ(ended.code, 0) << ended.output;
  };
  train("straight", {2, 100, 8});
  for (const Part& part : {Part{4, 30, 4}, Part{1, 65, 2}, Part{2, 100, 4}}) train("elastic", part);
  expect_close_losses(losses(path("straight")), losses(path("elastic")), 1e-5, "4, 1 and 2 ranks");
}

}  // namespace
}  // namespace ijepa::test
