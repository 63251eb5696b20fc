// A short run on two ranks, as in the quick start: it learns something and leaves what it promises.
#include "tests/support/pretrain_program.hpp"

namespace ijepa::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

class Smoke : public PretrainProgram {};

TEST_F(Smoke, FortyStepsBringTheLossBelowThatOfTheZeroPredictor) {
  const Ended ended =
      run(on_ranks(2, command({steps(40), "run.health_every=40", "run.health_images=64",
                               "optim.lr=0.003", "optim.start_lr=0.001", "optim.ema_start=0.99"})));
  ASSERT_EQ(ended.code, 0) << ended.output;
  EXPECT_EQ(read_metrics(path("run")).size(), 40U);
  EXPECT_EQ(final_state(path("run")).step, 40);
  const std::string events = read_text(path("run") / "events.jsonl");
  const auto last = events.substr(events.rfind("\"health\""));
  const std::string key = "\"loss_to_zero\":";
  ASSERT_NE(last.find(key), std::string::npos) << events;
  EXPECT_LT(std::stod(last.substr(last.find(key) + key.size())), 1) << last;
}

TEST_F(Smoke, ADryRunTellsWhatARunWouldTakeAndLeavesNothing) {
  const Ended ended = run(command() + Words{"--dry-run"});
  EXPECT_EQ(ended.code, 0) << ended.output;
  for (const char* part :
       {"70 images", "steps: 4 an epoch, 100 in all, 8 of warm-up", "activations (worst mask)",
        "FLOPs a step", "core-hours at the peak", "host memory of a rank"})
    EXPECT_THAT(ended.output, HasSubstr(part));
  EXPECT_FALSE(std::filesystem::exists(path("run")));
  const Ended pixels = run(command({"loss.pixel_epochs=2"}) + Words{"--dry-run"});
  EXPECT_THAT(pixels.output, ContainsRegex("[0-9.]+ in the first 8 steps, of pixels only"));
}

TEST_F(Smoke, ADryRunWithoutShardsSaysSoAndFails) {
  const Ended ended = run(command({"data.shards=nowhere"}) + Words{"--dry-run"});
  EXPECT_EQ(ended.code, 1) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("FLOPs a step"));
  EXPECT_THAT(ended.output, HasSubstr("A run could not start: There is no shard set at nowhere"));
}

TEST_F(Smoke, ASuggestedConfigurationTrains) {
  const Ended suggested =
      run({IJEPA_PRETRAIN, "--suggest", path("shards").string(), "--hours", "0.01"});
  ASSERT_EQ(suggested.code, 0) << suggested.output;
  EXPECT_THAT(suggested.output, HasSubstr("# Suggested for the 70 images of"));
  write_text(path("config.toml"), suggested.output);
  const Ended ended = run(command({steps(2), run_dir("run"), "run.health_every=0"}));
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_EQ(read_metrics(path("run")).size(), 2U);
}

TEST_F(Smoke, NothingIsSuggestedWhereThereIsNothing) {
  expect_refusal({IJEPA_PRETRAIN, "--suggest", path("none").string()}, "There is no shard set at");
  const Ended without = run({IJEPA_PRETRAIN});
  EXPECT_GT(without.code, 100);
  EXPECT_THAT(without.output, HasSubstr("config is required"));
}

}  // namespace
}  // namespace ijepa::test
