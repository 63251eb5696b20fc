// What reports and tables say of runs: that are finished, that stopped, that are being written, and
// whose logs are damaged.
#include "data_tools/plots/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data_tools/plots/run_table.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/logs/board_values.hpp"
#include "ijepa/train/run/run_lock.hpp"
#include "tests/data_tools/run_folder_fixture.hpp"

namespace ijepa::tools {
namespace {

using test::RunFolder;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Report : public ::testing::Test {
 protected:
  std::filesystem::path runs() const { return folder_.path(); }
  static RunLog read(const RunFolder& run) { return read_run(parse_log_file(run.path().string())); }
  static std::string page(const std::vector<RunLog>& logs) {
    std::vector<ReportRun> shown;
    for (auto log : logs) {
      auto pictures = pictures_of(log, {});
      shown.push_back({std::move(log), std::move(pictures)});
    }
    return report_page(shown, 50, "Made by a test");
  }
  test::TemporaryFolder folder_;
};

TEST_F(Report, TellsWhatARunIsHowItWentAndWhatThatMeans) {
  const RunFolder run(runs(), "first", 40, 40);
  run.health(20, 90.5);
  run.health(40, 120);
  run.event(R"("event":"evaluation","step":0,"knn_top1":0.25)");
  run.event(R"("event":"evaluation","step":40,"knn_top1":0.625)");
  run.event(R"("event":"start","step":20,"total_steps":40,"ranks":4,"host":"n2","device":"CPU")");
  run.event(R"("event":"saved","step":40,"seconds":0.5,"blocked_seconds":0.1)");
  run.event(R"("event":"non_finite","step":30,"loss":null)");
  run.event(R"("event":"non_finite_explained","step":30,"explanation":"sum_rows overflowed")");
  const auto text = page({read(run)});
  EXPECT_THAT(text, HasSubstr("It is finished: 40 of 40 steps."));
  EXPECT_THAT(text, HasSubstr("vit_tiny: 192 wide, 12 deep"));
  EXPECT_THAT(text,
              HasSubstr("<code>data.shards</code> &quot;shards/train&quot; <small>(&quot;&quot;)"));
  EXPECT_THAT(text, Not(HasSubstr("<code>optim.lr</code>"))) << "it has the default";
  EXPECT_THAT(text, HasSubstr("The features are healthy: RankMe is 120.0 of at most 192"));
  EXPECT_THAT(text, HasSubstr("k-NN <b>62.5</b>"));
  EXPECT_THAT(text, HasSubstr("untrained <b>25</b>"));
  EXPECT_THAT(text, HasSubstr("resumed on n2, 4 ranks, CPU"));
  EXPECT_THAT(text, HasSubstr("the step was skipped"));
  EXPECT_THAT(text, HasSubstr("sum_rows overflowed"));
  EXPECT_THAT(text, HasSubstr("It has saved 1 times, the last time after step 40"));
}

// Events of earlier versions have figures of predictions at every look.
TEST_F(Report, SaysNothingOfPredictionsBeforeFeaturesArePredicted) {
  const RunFolder run(runs(), "first", 40, 80);
  run.event(R"("event":"start","step":0,"total_steps":80,"steps_per_epoch":10,"pixel_steps":30)");
  run.health(20, 90.5);
  run.health(30, 110);
  const auto pixels = read(run);
  EXPECT_EQ(pixels.figure("health", "rankme").y, (std::vector<double>{90.5, 110}));
  for (const auto* name : {"cross_sample_gap", "loss", "zero_loss", "position_mean_loss",
                           "loss_to_zero", "loss_to_position_mean"})
    EXPECT_THAT(pixels.figure("health", name).y, IsEmpty()) << name;
  const auto before = page({pixels});
  EXPECT_THAT(before, HasSubstr("RankMe</td><td>110"));
  EXPECT_THAT(before, Not(HasSubstr("gap to other images")));
  EXPECT_THAT(before, Not(HasSubstr("position's mean")));
  run.health(40, 120);
  const auto features = read(run);
  EXPECT_EQ(features.figure("health", "cross_sample_gap").x, std::vector<double>{4});
  EXPECT_EQ(features.figure("health", "loss").x, std::vector<double>{4});
  EXPECT_THAT(page({features}), HasSubstr("gap to other images"));
}

TEST_F(Report, SaysNothingOfPredictionsOfAMaskedAutoencoder) {
  auto recipe = RunFolder::small_recipe();
  recipe.loss.features = 0;
  recipe.loss.pixels = 1;
  const RunFolder run(runs(), "first", 40, 80, recipe);
  run.health(40, 120);
  EXPECT_THAT(read(run).figure("health", "loss").y, IsEmpty());
  EXPECT_THAT(page({read(run)}), Not(HasSubstr("gap to other images")));
}

TEST_F(Report, NeedsNothingElse) {
  const RunFolder run(runs(), "first", 40, 40);
  run.health(20, 90.5);
  const auto text = page({read(run)});
  for (const char* outside : {"http:", "https:", "<script", "<link", "@import", "url("})
    EXPECT_THAT(text, Not(HasSubstr(outside)));
  EXPECT_THAT(text, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(text, HasSubstr("@media print"));
}

TEST_F(Report, OfSeveralRunsBeginsWithWhatDiffers) {
  auto recipe = RunFolder::small_recipe();
  const RunFolder first(runs(), "first", 40, 40, recipe);
  recipe.optim.lr = 5e-4;
  recipe.run.dir = "runs/second";
  const RunFolder second(runs(), "second", 10, 40, recipe);
  const auto text = page({read(first), read(second)});
  EXPECT_THAT(text, HasSubstr("<td>optim.lr</td><td>0.001</td><td>0.0005</td>"));
  EXPECT_THAT(text,
              Not(HasSubstr("<td>run.dir</td><td>&quot;runs/first&quot;</td><td>&quot;runs/s")));
  EXPECT_THAT(text, ContainsRegex("Training loss(.|\n)*>first<(.|\n)*>second<"));
}

// A run without a figure leaves its colour to nobody.
TEST_F(Report, ColoursAreThoseOfTheRuns) {
  const RunFolder first(runs(), "first", 40, 40), second(runs(), "second", 40, 40);
  second.event(R"("event":"evaluation","step":20,"linear_top1":0.5)");
  const auto text = page({read(first), read(second)});
  EXPECT_THAT(text, ContainsRegex("Linear accuracy in percent(.|\n)*class=\"t s1\">second<"));
}

TEST_F(Report, OfAProbeOfOtherImagesNoLevelIsDrawn) {
  auto recipe = RunFolder::small_recipe();
  recipe.data.shards = "shards/train";
  recipe.eval.test_shards = "shards/test";
  const RunFolder run(runs(), "first", 40, 40, recipe);
  run.event(R"("event":"evaluation","step":20,"knn_top1":0.5)");
  const auto level = [&](const std::string& images) {
    std::filesystem::create_directories(run.path() / "probe" / "step_1");
    write_file_atomically(
        (run.path() / "probe" / "step_1" / "probe.json").string(),
        R"({"checkpoint":"step_1",)" + images +
            R"("features":[{"name":"pixels","knn_top1":0.2,"linear_top1":0.3}]})");
    return page({read(run)}).find(">pixels</text>") != std::string::npos;
  };
  EXPECT_TRUE(level(R"("subset":"","train":"shards/train","test":"shards/test",)"));
  EXPECT_TRUE(level("")) << "of an earlier version";
  EXPECT_FALSE(level(R"("subset":"","train":"shards/train","test":"other/test",)"));
  EXPECT_FALSE(level(R"("subset":"","train":"other/train","test":"shards/test",)"));
  EXPECT_FALSE(level(R"("subset":"1%","train":"shards/train","test":"shards/test",)"));
}

TEST_F(Report, SpellsOutWhatWouldBeMarkup) {
  const RunFolder run(runs(), "<b>&\"", 3, 3);
  run.event("\"event\":\"stopped\",\"step\":3,\"saved\":\"<script>\xff\"");
  const auto text = page({read(run)});
  EXPECT_THAT(text, HasSubstr("&lt;b&gt;&amp;&quot;"));
  EXPECT_THAT(text, Not(HasSubstr("<script>")));
}

TEST_F(Report, ShowsWhatDamageLeftAndNamesIt) {
  const RunFolder run(runs(), "first", 20, 40);
  run.append("metrics.csv", "3,0,x,1\n3,1,\x01\x02\n");
  run.append("events.jsonl", "no event\n");
  run.health(20, 90.5);
  run.append("events.jsonl", "{\"event\":");  // being written
  run.append("metrics.csv", "3,0,0.25,1,1,1,1,1,1,1,1,100,0,0,1,21\n3,1,0.2");
  const auto log = read(run);
  EXPECT_EQ(log.step, 21);
  EXPECT_EQ(log.figure("health", "rankme").y, std::vector<double>{90.5});
  ASSERT_EQ(log.problems.size(), 2U);
  EXPECT_THAT(log.problems[0], AllOf(HasSubstr("Line 22 of the log"), HasSubstr("4 fields"),
                                     HasSubstr("in all: 2")));
  EXPECT_THAT(log.problems[1], HasSubstr("Line 2 of the log"));
  EXPECT_THAT(page({log}), HasSubstr("Damaged or missing:"));
}

TEST_F(Report, OfEventsOfOddTypesIsStillMade) {
  const RunFolder run(runs(), "first", 20, 40);
  for (const char* kind : {"start", "health", "evaluation", "saved", "stopped", "non_finite",
                           "non_finite_explained", "hang"})
    run.event(
        fmt::format(R"("event":"{}","step":"x","rankme":[],"ranks":"y","seconds":null)", kind));
  run.append("events.jsonl", "{\"event\":7}\n[]\n{\"event\":\"start\"}\n");
  EXPECT_THAT(page({read(run)}), HasSubstr("</html>"));
}

TEST_F(Report, WithoutSettingsOrEventsSaysSo) {
  const RunFolder run(runs(), "first", 20, 40);
  std::filesystem::remove(run.path() / "events.jsonl");
  run.append("config.toml", "= 3\n");
  const auto log = read(run);
  EXPECT_EQ(log.problems.size(), 2U);
  EXPECT_THAT(page({log}), HasSubstr("Its settings are not shown"));
}

TEST_F(Report, TellsHowARunEnded) {
  const RunFolder run(runs(), "first", 20, 40);
  EXPECT_EQ(read(run).state, "broken off");
  run.event(R"("event":"stopped","step":20,"saved":"after a signal")");
  EXPECT_EQ(read(run).state, "stopped");
  EXPECT_THAT(read(run).state_text, HasSubstr("after 20 of 40 steps"));
  {
    const RunLock lock(run.path().string(), {}, Log());
    EXPECT_EQ(read(run).state, "running");
  }
  EXPECT_EQ(read(RunFolder(runs(), "second", 0, 40)).state, "empty");
  EXPECT_THAT(page({read(RunFolder(runs(), "third", 0, 40))}), HasSubstr("no figure of it yet"));
}

TEST_F(Report, CountsEpochsOfARunThatHasNotMadeOne) {
  EXPECT_EQ(read(RunFolder(runs(), "first", 5, 40)).table.epochs().back(), 0.5);
}

TEST_F(Report, TakesPicturesOfFiles) {
  const RunFolder run(runs(), "first", 5, 40);
  run.append("sheet.png", "\x89PNG\r\n\x1a\n...");
  auto log = read(run);
  const auto shown = pictures_of(log, {(run.path() / "sheet.png").string()});
  EXPECT_THAT(report_page({{log, shown}}, 50, ""),
              HasSubstr("data:image/png;base64,iVBORw0KGgouLi4="));
  EXPECT_THROW(pictures_of(log, {(run.path() / "metrics.csv").string()}), Error);
  EXPECT_THROW(pictures_of(log, {(run.path() / "none.png").string()}), Error);
}

TEST_F(Report, ShowsPicturesOfEventFiles) {
  const RunFolder run(runs(), "first", 5, 40);
  {
    Board board(run.path().string(), 0, Log());
    board.add(0, {{masks_tag, EventPicture{1, 1, "masks"}}});
    for (int step = 1; step <= 9; ++step)
      board.add(step, {{patches_tag, EventPicture{1, 1, "patch" + std::to_string(step)}}});
  }
  auto log = read(run);
  const auto shown = pictures_of(log, {});
  ASSERT_EQ(shown.size(), 5U);
  EXPECT_EQ(shown[0].png, "masks");
  EXPECT_EQ(shown[1].png, "patch1");
  EXPECT_EQ(shown[4].png, "patch9");
  EXPECT_THAT(log.problems, IsEmpty());
  const auto file = event_files(run.path().string()).at(0);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 20);
  auto text = read_text_file(file);
  text[text.find("patch5")] = 'x';
  std::ofstream(file, std::ios::binary) << text;
  EXPECT_EQ(pictures_of(log, {}).size(), 5U);
  EXPECT_THAT(log.problems, testing::ElementsAre(HasSubstr("is damaged after")));
}

TEST_F(Report, RunsAreFoundAtAnyDepthAndListed) {
  auto recipe = RunFolder::small_recipe();
  const RunFolder a(runs() / "sweep", "a", 40, 40, recipe);
  recipe.run.seed = 7;
  const RunFolder b(runs() / "sweep/deep", "b", 10, 40, recipe);
  a.health(40, 120);
  b.append("metrics.csv", "x\n\n1,1\n");
  std::vector<RunLog> found;
  for (const auto& path : find_runs(runs().string()))
    found.push_back(read_run(parse_log_file(path)));
  const auto table = run_table(found);
  EXPECT_THAT(table, ContainsRegex("a  +finished  +40/40  +0.107  +120  +-  +100  run.seed=0\n"));
  EXPECT_THAT(table, ContainsRegex("b  +broken off  +10/40 .* run.seed=7\n"));
  EXPECT_THAT(table, HasSubstr("b: Line 12 of the log"));
  EXPECT_THROW(find_runs((runs() / "none").string()), Error);
  std::filesystem::create_directories(runs() / "empty");
  EXPECT_THROW(find_runs((runs() / "empty").string()), Error);
}

TEST_F(Report, OfNoRunIsRefused) {
  EXPECT_THROW(read_run({"a", runs().string()}), Error);
  auto log = read(RunFolder(runs(), "first", 5, 40));
  EXPECT_THAT(pictures_of(log, {}), IsEmpty());
}

}  // namespace
}  // namespace ijepa::tools
