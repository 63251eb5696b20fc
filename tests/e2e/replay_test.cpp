// ijepa-pretrain --replay as a person starts it, after a run that ended with code 87.
#include "tests/support/pretrain_program.hpp"
#include "tests/support/sound_replay.hpp"

namespace ijepa::test {
namespace {

using testing::HasSubstr;

class Replays : public PretrainProgram {
 protected:
  static Words repeat(const std::filesystem::path& file) {
    return {IJEPA_PRETRAIN, "--replay", file.string()};
  }
  std::filesystem::path file() const { return path("run") / "non_finite" / "step_0.replay"; }
};

TEST_F(Replays, SayWhatTheRunSaid) {
  const Ended trained = run(on_ranks(2, command({"data.std=[1e-39,1e-39,1e-39]", steps(9)})));
  EXPECT_EQ(trained.code, exit_code::not_finite) << trained.output;
  const auto begin = trained.output.find("step 0: the first value that is not finite is of rank ");
  ASSERT_NE(begin, std::string::npos) << trained.output;
  const std::string said = trained.output.substr(begin, trained.output.find('\n', begin) - begin);
  EXPECT_THAT(said, HasSubstr("gather_patches: the result y, float32 "));
  EXPECT_EQ(trained.output.find(said, begin + 1), std::string::npos) << "said twice";
  EXPECT_THAT(trained.output, HasSubstr("ijepa-pretrain --replay " + file().string()));

  const Ended ended = run(repeat(file()));
  EXPECT_EQ(ended.code, exit_code::not_finite) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr(said + "\n"));
  const Ended other = run(repeat(file()) + Words{"--set", "compute.precision=bfloat16"});
  EXPECT_EQ(other.code, exit_code::not_finite) << other.output;
  EXPECT_THAT(other.output, HasSubstr("gather_patches: the result y, bfloat16 "));

  expect_refusal(on_ranks(2, repeat(file())), "start it without mpirun or srun.");
  expect_refusal(repeat(file()) + Words{"--set", "optim.lr=1"}, "would make it another step");
  expect_refusal(repeat(path("shards")), path("shards").string() + " is no replay of a step");
  expect_refusal(
      command({"run.dir=" + path("new").string()}) + Words{"--init-from", file().string()},
      "step_0.replay is the replay of a step that was not finite, no checkpoint");
  for (const Words& both :
       {command() + Words{"--replay", file().string()}, repeat(file()) + Words{"--dry-run"}}) {
    const Ended refused = run(both);
    EXPECT_NE(refused.code, 0);
    EXPECT_THAT(refused.output, HasSubstr(" excludes --replay"));
  }
}

TEST_F(Replays, OfAStepThatIsFiniteEndWithCode0) {
  const Ended trained = run(command({"data.std=[1e-39,1e-39,1e-39]", steps(9)}));
  ASSERT_EQ(trained.code, exit_code::not_finite) << trained.output;
  write_sound_replay(file().string(), path("sound").string());
  const Ended ended = run(repeat(path("sound")));
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("step 0: all values are finite by cpu, "));
}

}  // namespace
}  // namespace ijepa::test
