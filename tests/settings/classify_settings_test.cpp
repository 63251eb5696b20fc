// What each setting of ijepa-classify train does to a classifier of two passes.
#include <fstream>
#include <iterator>
#include <regex>

#include "ijepa/tasks/classification/classify_train.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "tests/support/setting_effects.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/classification/class_folders.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

const Assignments fine_tune{"run.fine_tune=true"};
const Assignments adamw{"run.fine_tune=true", "optim.optimizer=adamw", "optim.weight_decay=0.1"};
const Assignments cosine{"optim.schedule=cosine"};
const Assignments random_crop{"data.transform=random_crop"};

const std::vector<SettingEffect> effects{
    {"run.run", "other_run"},
    {"run.checkpoint", "other_run/checkpoints/step_00000007", {"run.run="}},
    {"run.encoder", "context"},
    {"run.fine_tune", "true"},
    {"run.save_name", "other"},
    {"run.seed", "1"},
    {"data.train", "valid"},
    {"data.valid", "train"},
    {"data.transform", "random_crop"},
    {"data.image_height", "40", {"data.image_width=32", "data.image_height=32"}},
    {"data.image_width", "40", {"data.image_width=32", "data.image_height=32"}},
    {"data.crop_scale_min", "0.9", random_crop},
    {"data.flip", "false", random_crop},
    {"data.rand_augment", "9"},
    {"data.mixup", "0.8"},
    {"data.cutmix", "1"},
    {"optim.optimizer", "adamw"},
    {"optim.epochs", "3"},
    {"optim.batch", "4"},
    {"optim.learning_rate", "0.1"},
    {"optim.momentum", "0.5"},
    {"optim.weight_decay", "0.1"},
    {"optim.beta1", "0.5", adamw},
    {"optim.beta2", "0.9", adamw},
    {"optim.schedule", "cosine"},
    {"optim.milestones", "1"},
    {"optim.warmup_epochs", "1", cosine},
    {"optim.final_lr", "5e-4", cosine},
    {"optim.layer_decay", "0.5", fine_tune},
    {"optim.label_smoothing", "0.1"},
    {"optim.drop_path", "0.5", fine_tune},
    {"compute.precision", "bfloat16"},
};

const std::vector<NeutralSetting> neutral{
    {"run.out_dir", "where the results are; every run here has its own"},
    {"data.threads", "images do not depend on who decodes them (task_views_test)"},
    {"optim.micro_batch", "rounding alone (classify_test)"},
    {"compute.device", "rounding alone, and it takes a GPU"},
    {"compute.recompute", "equal numbers in less memory (classify_test)"},
    {"compute.threads", "equal bits (determinism_test)"},
};

class ClassifySettingsEffects : public ::testing::Test {
 protected:
  ClassifySettingsEffects() {
    std::filesystem::current_path(folder_.path());
    write_tiny_checkpoint("run", 2, 1.5F);
    write_tiny_checkpoint("other_run", 3);
    write_class_folders("train", 12);
    write_class_folders("valid", 6, 3, synth::Split::test);
  }
  ~ClassifySettingsEffects() override { std::filesystem::current_path(before_); }

  static RunResult run(const Assignments& assignments) {
    RunResult result;
    std::filesystem::remove_all("out");
    try {
      ClassifySettings s;
      s.run.run = "run";
      s.run.out_dir = "out";
      s.data.train = "train";
      s.data.valid = "valid";
      s.data.threads = s.compute.threads = 1;
      s.optim.epochs = 2;
      s.optim.batch = 6;
      const Fields fields = fields_of(s);
      for (const auto& assignment : assignments) apply_override(fields, assignment);
      train_classifier(s, *local_communicator(), Log(1));
    } catch (const std::exception& e) {
      result.problem = e.what();
    }
    if (!std::filesystem::exists("out")) return result;
    for (const auto& entry : std::filesystem::recursive_directory_iterator("out")) {
      const auto path = entry.path();
      if (path.filename() == "manifest.json") add_tensors(path.parent_path(), result);
      std::ifstream file(path, std::ios::binary);
      if (path.extension() == ".csv" || path.extension() == ".png")
        result.left[path] = {std::istreambuf_iterator<char>(file), {}};
      if (path.extension() == ".csv")  // the last column is of seconds
        result.left[path] = std::regex_replace(result.left[path], std::regex(",[^,\n]*\n"), "\n");
    }
    return result;
  }

  /// Not the files themselves, for HDF5 dates them.
  static void add_tensors(const std::filesystem::path& folder, RunResult& result) {
    const auto manifest = read_manifest(folder);
    for (const auto& tensor : manifest.tensors) {
      std::vector<std::byte> bytes(tensor.bytes());
      read_tensor(folder, manifest, tensor, bytes);
      result.left[folder / tensor.group / tensor.name] = {
          reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
  }

 private:
  const std::filesystem::path before_ = std::filesystem::current_path();
  TemporaryFolder folder_;
};

TEST_F(ClassifySettingsEffects, EachChangesARunOrHasAReasonNotTo) {
  expect_every_setting_has_its_effect<ClassifySettings>(effects, neutral, run);
}

}  // namespace
}  // namespace ijepa::test
