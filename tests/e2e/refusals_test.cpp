// What cannot work is refused at the start: exit code 1 and one message that says why.
#include <algorithm>

#include "tests/support/devices.hpp"
#include "tests/support/pretrain_program.hpp"

namespace ijepa::test {
namespace {

using testing::HasSubstr;

class Refusals : public PretrainProgram {
 protected:
  void train(const Words& settings) const {
    const Ended ended = run(command(settings));
    ASSERT_EQ(ended.code, 0) << ended.output;
  }
  /// Changes one byte in the middle of a file.
  static void damage(const std::filesystem::path& file) {
    std::string bytes = read_text(file);
    ASSERT_FALSE(bytes.empty()) << file;
    bytes[bytes.size() / 2] ^= 1;
    write_text(file, bytes);
  }
};

TEST_F(Refusals, OfSettingsThatCannotWork) {
  setenv("CUDA_VISIBLE_DEVICES", "", 1);
  struct Case {
    Words settings;
    const char* message;
  };
  const std::vector<Case> cases{
      {{"model.image_height=26"},
       "model.image_height = 26 must be a multiple of model.patch = 4; nearest: 24 or 28."},
      {{"model.predictor.width=18", "model.heads=4", "model.width=24"},
       "model.predictor.width = 18 must be a multiple of model.heads = 4; nearest: 16 or 20."},
      {{"mask.min_keep=6"}, "which is not more than min_keep = 6"},
      {{"optim.learning=1"}, "--set: optim.learning is not a known key"},
      {{"optim.epoch=1"}, "did you mean optim.epochs?"},
      {{"optim.epochs=\"two\""}, "optim.epochs must be"},
      {{"optim.lr=-1"}, "optim.lr = -1.0 is not allowed"},
      {{"data.shards=/nowhere/at/all"}, "There is no shard set at /nowhere/at/all."},
      {{"compute.device=cuda"}, no_gpu_message},
      {{"optim.global_batch=80"}, "has 70 images, fewer than optim.global_batch = 80"},
      {{"compute.residual=bfloat16"}, "needs compute.precision = \"bfloat16\""},
      {{"run.dir=/proc/nothing"}, "/proc/nothing"},
  };
  for (const Case& c : cases) expect_refusal(command(c.settings), c.message);
}

TEST_F(Refusals, OfAConfigurationNameTheLine) {
  const auto with_line = [&](const std::string& line) {
    std::string text = read_text(path("config.toml"));
    text.insert(text.find("[optim]\n") + 8, line + "\n");
    write_text(path("other.toml"), text);
    const auto begin = text.begin();
    const auto number =
        std::count(begin, begin + static_cast<std::ptrdiff_t>(text.find(line)), '\n') + 1;
    return "other.toml:" + std::to_string(number);
  };
  const Words program{IJEPA_PRETRAIN, path("other.toml").string()};
  std::string where = with_line("warmup_epoch = 3");
  expect_refusal(program, where +
                              ": optim.warmup_epoch is not a known key; did you mean "
                              "optim.warmup_epochs?");
  where = with_line("? 3");
  expect_refusal(program, where + ": this is not valid TOML");
  std::string text = read_text(path("config.toml"));
  text.replace(text.find("epochs = 25"), 11, "epochs = 25.5");
  write_text(path("other.toml"), text);
  expect_refusal(program, ": optim.epochs must be");
  expect_refusal({IJEPA_PRETRAIN, path("none.toml").string()}, "none.toml cannot be opened");
}

TEST_F(Refusals, OfACommandLineThatIsNone) {
  for (const Words& words : {Words{IJEPA_PRETRAIN}, command() + Words{"--fast"}}) {
    const Ended ended = run(words);
    EXPECT_NE(ended.code, 0);
    EXPECT_EQ(ended.signal, 0);
    EXPECT_THAT(ended.output, HasSubstr("--help"));
  }
}

TEST_F(Refusals, OfDamagedShards) {
  const auto shard = path("shards") / shard_file_name(0, 1);
  const std::string whole = read_text(shard);
  write_text(shard, whole.substr(0, whole.size() / 2));
  expect_refusal(command(), "it was cut short or extended");
  write_text(shard, std::string(whole.size(), 'x'));
  expect_refusal(command(), "is not a shard written by ijepa-shards");
}

TEST_F(Refusals, OfTooManyImagesThatCannotBeRead) {
  write_tiny_shard(path("damaged"), tiny_images, 40);
  expect_refusal(command({"data.shards=" + path("damaged").string(), "data.max_bad_rate=0.01"}),
                 "images could not be read, above the allowed share of 0.01");
}

TEST_F(Refusals, OfAUsedFolder) {
  train({steps(2)});
  expect_refusal(command({steps(4), "optim.beta1=0.8"}),
                 "holds a run with other settings (optim.beta1: 0.9 there, 0.8 here)");
  expect_refusal(command({steps(4), "run.used_folder=refuse"}),
                 "already holds a run and run.used_folder is \"refuse\"");
  EXPECT_EQ(read_metrics(path("run")).size(), 2U);
}

TEST_F(Refusals, OfALongerRunButNotIfThatIsAskedFor) {
  train({steps(2)});
  expect_refusal(command({steps(4), "optim.epochs=30"}),
                 "holds a run with other settings (optim.epochs: 25 there, 30 here)");
  expect_refusal(command({steps(4), "optim.epochs=24"}) + Words{"--extend"}, "24 here");
  expect_refusal(command({steps(4), "optim.epochs=30", "optim.lr=1"}) + Words{"--extend"},
                 "(optim.lr: ");
  const Ended ended = run(command({steps(4), "optim.epochs=30"}) + Words{"--extend"});
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("It is extended to 30 epochs"));
  train({steps(6), "optim.epochs=30"});  // not an extension any more
}

// Nothing was trained, so nothing binds the corrected command.
TEST_F(Refusals, NotOfAFolderWhoseStartFailed) {
  expect_refusal(command({"data.shards=" + path("none").string()}), "none");
  EXPECT_TRUE(std::filesystem::exists(path("run") / "config.toml"));
  train({steps(2), "optim.epochs=30"});
}

TEST_F(Refusals, OfACheckpointOfOtherData) {
  train({steps(2)});
  write_tiny_shard(path("others"), tiny_images, 0, 2);
  expect_refusal(command({steps(4), "data.shards=" + path("others").string()}),
                 "was trained on other shards than");
}

TEST_F(Refusals, OfBrokenCheckpointsOnly) {
  const Words settings{"run.checkpoint_steps=1"};
  train(settings + Words{steps(3)});
  train({steps(4), run_dir("undisturbed")});
  const auto folders = list_checkpoints(path("run").string());
  ASSERT_EQ(folders.size(), 2U);
  damage(std::filesystem::path(folders[0]) / "part_00000.h5");
  const Ended ended = run(command(settings + Words{steps(4)}));
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output,
              HasSubstr("The checkpoint " + folders[0] + " is broken and is skipped"));
  EXPECT_THAT(ended.output, HasSubstr("Resumed from " + folders[1]));
  expect_same_run(path("undisturbed"), path("run"), "gone on from the last but one");

  for (const auto& folder : list_checkpoints(path("run").string()))
    damage(std::filesystem::path(folder) / "manifest.json");
  expect_refusal(command(settings + Words{steps(5)}), "are broken. To begin again from nothing");
}

TEST_F(Refusals, OfASecondJobInTheFolder) {
  Job first(command({"optim.epochs=100000", "run.log_every=1"}));
  ASSERT_TRUE(first.read_until("step 2"));
  expect_refusal(command({"optim.epochs=100000"}), "The run folder is in use by");
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait().code, 85);
}

TEST_F(Refusals, OnManyRanksAreToldOnce) {
  expect_refusal(on_ranks(2, command({"optim.epoch=1"})), "did you mean optim.epochs?");
  expect_refusal(on_ranks(2, command({"optim.global_batch=9", "mask.truncate_group=1"})),
                 "optim.global_batch = 9 must be a multiple of the number of ranks, 2.");
  expect_refusal(on_ranks(2, command({"compute.device=cuda"})), no_gpu_message);
  expect_refusal(on_ranks(2, command({"data.shards=/nowhere"})), "There is no shard set");
  expect_refusal(on_ranks(2, command()) + Words{":", "-np", "1"} + command({"optim.lr=0.01"}),
                 "The ranks disagree on The configuration");
}

TEST_F(Refusals, OfRanksThatSrunDidNotConnect) {
  const Words srun{"env", "SLURM_STEP_NUM_TASKS=4", "SLURM_NTASKS=4", "SLURM_JOB_ID=7"};
  expect_refusal(srun + Words{"SLURM_PROCID=0"} + command(),
                 "srun started 4 processes, but Open MPI connects ranks by PMIx only.");
  const Ended other = run(srun + Words{"SLURM_PROCID=3"} + command());
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.output, "");
  expect_refusal(Words{"env", "SLURM_NTASKS=4", "SLURM_JOB_ID=7"} + command(),
                 "Slurm gave this job 4 tasks, but the program was started once");
}

}  // namespace
}  // namespace ijepa::test
