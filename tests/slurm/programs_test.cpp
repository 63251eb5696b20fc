// The batch scripts of the programs that need no restarts: two ranks on two nodes, and what they
// leave.
#include "tests/slurm/slurm_jobs.hpp"
#include "tests/tasks/classification/class_folders.hpp"
#include "tests/tasks/segmentation/pair_folders.hpp"

namespace ijepa::test {
namespace {

struct Submitted {
  std::string script;
  Words arguments;
  std::filesystem::path result;
};

TEST_F(SlurmJobs, ProgramsPackClassifySegmentAndPredict) {
  write_block_data(top());
  write_class_folders(path("pictures"), 24);
  const std::string run = (top() / "run").string(), pictures = path("pictures").string();
  const auto in = [&](const char* name) { return (top() / name).string(); };
  const std::vector<Submitted> jobs{
      {"shards.sbatch", {pictures, "--out", path("packed").string()}, path("packed")},
      {"classify.sbatch",
       {"train", "--run", run, "--train-dir", pictures, "--valid-dir", pictures, "--epochs", "1",
        "--batch-size", "8", "--threads", "1", "--out-dir", path("classifier").string()},
       path("classifier") / "best_model"},
      {"segment.sbatch",
       {"train",
        "--run",
        run,
        "--config",
        in("labels.toml"),
        "--train-images",
        in("train/images"),
        "--train-masks",
        in("train/masks"),
        "--valid-images",
        in("valid/images"),
        "--valid-masks",
        in("valid/masks"),
        "--imgsz",
        "48",
        "40",
        "--epochs",
        "1",
        "--threads",
        "1",
        "--out-dir",
        path("segmenter").string()},
       path("segmenter") / "last_model"},
      {"predict.sbatch",
       {"--run", run, "--input", pictures, "--queries", "4", "--threads", "1", "--out",
        path("expected").string()},
       path("expected") / "predict.png"}};
  Words numbers;
  for (const auto& job : jobs) numbers.push_back(submit({}, job.script, job.arguments));
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    EXPECT_TRUE(SlurmCluster::wait_for_state(numbers[i], "COMPLETED")) << log(numbers[i]);
    EXPECT_TRUE(std::filesystem::exists(jobs[i].result)) << log(numbers[i]);
  }
}

}  // namespace
}  // namespace ijepa::test
