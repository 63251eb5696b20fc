// What each setting of ijepa-pretrain does to a run of two steps.
#include <nlohmann/json.hpp>

#include "ijepa/tasks/probing/online_evaluation.hpp"
#include "ijepa/train/fit/replay.hpp"
#include "ijepa/train/fit/trainer.hpp"
#include "tests/support/setting_effects.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"
#include "tests/tasks/picture_shards.hpp"

namespace ijepa::test {
namespace {

using enum SettingEffect::Then;

const Assignments health{"run.health_every=1"};
const Assignments evaluated{"eval.test_shards=test"};
const Assignments bfloat16{"compute.precision=bfloat16"};
const Assignments damaged{"data.shards=damaged", "data.max_bad_rate=1", "optim.max_steps=4"};
const Assignments blocks{"data.order=blocks", "data.block_images=8", "data.window_blocks=2"};
const Assignments named{"model.width=0", "model.depth=0", "model.heads=0",
                        "model.predictor.width=12"};
const Assignments not_finite{"data.mean=[10, 10, 10]", "data.std=[1e-38, 1e-38, 1e-38]"};

const std::vector<SettingEffect> pretrain_effects{
    {"model.name", "vit_tiny", named},
    {"model.width", "32"},
    {"model.depth", "1"},
    {"model.heads", "1"},
    {"model.mlp_hidden", "40"},
    {"model.patch", "3"},
    {"model.image_height", "52"},
    {"model.image_width", "52"},
    {"model.drop_path", "0.9"},
    {"model.rescale_init", "true"},
    {"model.predictor.width", "8"},
    {"model.predictor.depth", "2"},
    {"model.predictor.mlp_hidden", "40"},
    {"model.predictor.drop_path", "0.9", {"model.predictor.depth=2"}},
    {"model.init", "xavier"},
    {"model.predictor.joint", "true"},
    {"mask.num_targets", "2"},
    {"mask.num_contexts", "2"},
    {"mask.target_scale_min", "0.1"},
    {"mask.target_scale_max", "0.3"},
    {"mask.context_scale_min", "0.5"},
    {"mask.context_scale_max", "0.4", {"mask.context_scale_min=0.3"}},
    {"mask.aspect_min", "0.5"},
    {"mask.aspect_max", "3"},
    {"mask.min_keep", "16", {"mask.context_scale_min=0.3", "mask.context_scale_max=0.4"}},
    {"mask.allow_overlap", "true"},
    {"mask.compat", "false"},
    {"mask.truncate_group", "1"},
    {"mask.context_multiple", "4"},
    {"mask.context_patches", "20"},
    {"mask.shape", "random", {"mask.context_patches=40", "mask.num_targets=1"}},
    {"loss.pixels", "1"},
    {"loss.features", "0", {"loss.pixels=1"}},
    {"loss.pixel_epochs", "0.25"},
    {"loss.targets", "centred"},
    {"loss.target_blocks", "2"},
    {"loss.variance_covariance", "1"},
    {"loss.pooled_prediction", "1"},
    {"loss.centre", "1"},
    {"data.shards", "other"},
    {"data.valid_shards", "other", health},
    {"data.order", "blocks"},
    {"data.block_images", "4", blocks},
    {"data.window_blocks", "3", blocks},
    {"data.max_bad_rate", "0", damaged, is_refused},
    {"data.crop_scale_min", "0.9"},
    {"data.crop_scale_max", "0.4"},
    {"data.crop_ratio_min", "1.2"},
    {"data.crop_ratio_max", "0.8"},
    {"data.flip", "true"},
    {"data.colour_strength", "1"},
    {"data.blur", "true"},
    {"data.channels", "1", {}, is_refused},  // mean and std are of three; e2e/channels.py trains
    {"data.mean", "[0.1, 0.2, 0.3]"},
    {"data.std", "[0.5, 0.5, 0.5]"},
    {"optim.global_batch", "16"},
    {"optim.epochs", "3"},
    {"optim.max_steps", "1"},
    {"optim.warmup_epochs", "0.5"},
    {"optim.start_lr", "1e-3", {"optim.warmup_epochs=1"}},
    {"optim.lr", "1e-2"},
    {"optim.final_lr", "9e-4"},
    {"optim.weight_decay", "0.3"},
    {"optim.final_weight_decay", "0.9"},
    {"optim.ema_start", "0.5"},
    {"optim.ema_end", "0.999"},
    {"optim.ipe_scale", "2"},
    {"optim.beta1", "0.5"},
    {"optim.beta2", "0.9"},
    {"optim.eps", "0.01"},
    {"optim.clip_grad", "1e-3", {"optim.eps=0.01"}},
    {"optim.optimizer", "muon"},
    {"optim.muon_momentum", "0.5", {"optim.optimizer=muon"}},
    {"compute.precision", "bfloat16"},
    {"compute.residual", "bfloat16", bfloat16},
    {"run.seed", "1"},
    {"run.used_folder", "refuse", {"run.dir=used"}, is_refused},
    {"run.health_every", "1"},
    {"run.health_images", "8", health},
    {"run.checkpoint_steps", "1"},
    {"run.keep_last", "1", {"run.checkpoint_steps=1"}},
    {"run.keep_every", "1", {"run.keep_last=1"}},
    {"run.nan_limit", "0", not_finite, is_refused},
    {"run.keep_replays", "0", not_finite},
    {"run.max_seconds", "1e-3"},
    {"eval.test_shards", "test"},
    {"eval.train_shards", "other", evaluated},
    {"eval.every_epochs", "2", {"eval.test_shards=test", "optim.epochs=3", "optim.max_steps=10"}},
    {"eval.images", "21", evaluated},
    {"eval.linear", "true", evaluated},
};

const std::vector<NeutralSetting> pretrain_neutral{
    {"data.threads", "images do not depend on who decodes them (loader_test)"},
    {"data.prefetch", "nor on when (loader_test)"},
    {"data.stage_dir", "the same shards from another disk (stage_test, trainer_test)"},
    {"optim.micro_batch", "rounding alone (MicroBatchesOfAnySizeTrainTheSameModel)"},
    {"compute.device", "rounding alone (cuda_emulated: FollowsTheCpu)"},
    {"compute.threads", "equal bits (determinism_test)"},
    {"compute.cpu_kernels", "rounding, and what the processor has (ops_parity_test, device_test)"},
    {"compute.recompute", "equal bits in less memory (step_golden_test, memory_plan_test)"},
    {"compute.bucket_mib", "when sums begin, not what is summed (grad_sync_test)"},
    {"compute.bind_cores", "where ranks of a node run (placement_test)"},
    {"compute.product_algorithms", "on GPUs only (cuda_emulated: product_choices_test)"},
    {"run.dir", "where the run is; every run here has its own"},
    {"run.log_every", "lines on the terminal (progress_test)"},
    {"run.tensorboard", "event files beside the logs (event_files_test, e2e/event_files.py)"},
    {"run.checkpoint_minutes", "by the clock (run_saves_test)"},
    {"run.keep_best", "which checkpoints stay (run_saves_test, checkpoint_retention_test)"},
    {"run.save_retry_seconds", "after a disk that failed (run_saves_test, disk_test)"},
    {"run.stop_margin_seconds", "before a job's end (deadline_test)"},
    {"run.stop_grace_seconds", "of ranks that hang (activity_test, hangs_test)"},
    {"run.hang_seconds", "of ranks that hang (roll_call_test, hangs_test)"},
    {"run.standstill_seconds", "of ranks that hang (activity_test, hangs_test)"},
    {"run.wait_notice_seconds", "lines in the log (roll_call_test)"},
};

class PretrainSettings : public ::testing::Test {
 protected:
  PretrainSettings() {
    write_pictures(path("train"), {.images = 32, .classes = 8});
    write_pictures(path("other"), {.images = 32, .classes = 8, .split = synth::Split::test});
    write_pictures(path("test"), {.images = 16, .classes = 8, .split = synth::Split::test});
    write_pictures(path("damaged"), {.images = 32, .classes = 8, .damaged = 3});
    std::filesystem::current_path(folder_.path());  // so that a table can name folders
    run({"run.dir=used"}, false);
  }
  ~PretrainSettings() override { std::filesystem::current_path(before_); }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  static PretrainRecipe recipe_of(const Assignments& assignments) {
    PretrainRecipe r = tiny_recipe("train", "run");
    r.optim.global_batch = 8;
    r.optim.epochs = 1;
    r.optim.max_steps = 2;
    r.optim.warmup_epochs = 0;
    r.mask.truncate_group = 4;
    r.model.encoder.image_height = r.model.encoder.image_width = 48;  // a grid of 12 x 12
    const Fields fields = fields_of(r);
    for (const auto& assignment : assignments) apply_override(fields, assignment);
    resolve(r);
    return r;
  }

  /// What a repetition writes again.
  static RunResult result_in(const std::string& folder) {
    RunResult result;
    const FinalState state = final_state(folder);
    for (const auto& [name, bytes] : state.tensors)
      result.left[name] = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    for (const auto& checkpoint : list_checkpoints(folder)) result.left["saved"] += checkpoint;
    result.left["replays"] = std::to_string(count_replays(folder));
    for (const auto& row : repeatable(read_metrics(folder)))
      result.left["metrics"] += nlohmann::json(row).dump();
    std::ifstream events(folder + "/events.jsonl");
    for (std::string line; std::getline(events, line);) {
      auto event = nlohmann::json::parse(line);
      if (event["event"] != "health" && event["event"] != "evaluation") continue;
      event.erase("time");
      event.erase("seconds");
      result.left["events"] += event.dump();
    }
    return result;
  }

  static RunResult run(const Assignments& assignments, bool afresh = true) {
    std::string problem;
    PretrainRecipe r;
    try {
      r = recipe_of(assignments);
      if (afresh && r.run.dir == "run") std::filesystem::remove_all(r.run.dir);
      const auto comm = local_communicator();
      const StopSignal stop;
      Trainer(r, {}, *comm, stop, Log(1), [](auto&... parts) {
        return std::make_unique<OnlineEvaluation>(parts...);
      }).run();
    } catch (const std::exception& e) {
      problem = e.what();
    }
    RunResult result = result_in(r.run.dir);
    result.problem = problem;
    return result;
  }

 private:
  const std::filesystem::path before_ = std::filesystem::current_path();
  TemporaryFolder folder_;
};

TEST_F(PretrainSettings, EachChangesARunOrHasAReasonNotTo) {
  expect_every_setting_has_its_effect<PretrainRecipe>(
      pretrain_effects, pretrain_neutral,
      [](const Assignments& assignments) { return run(assignments); });
}

}  // namespace
}  // namespace ijepa::test
