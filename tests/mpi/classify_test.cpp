#include <filesystem>

#include "ijepa/core/file.hpp"
#include "ijepa/tasks/classify_infer.hpp"
#include "ijepa/tasks/classify_train.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/class_folders.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

ClassifySettings settings_in(const std::string& folder) {
  ClassifySettings s;
  s.run.run = folder + "/run";
  s.run.fine_tune = true;
  s.data.train = s.data.valid = folder + "/images";
  s.data.threads = s.compute.threads = 1;
  s.data.mixup = 0.8;
  s.optim.optimizer = OptimizerChoice::adamw;
  s.optim.epochs = 2;
  s.optim.batch = 10;  // five pairs: uneven shares, and a last step of four images
  s.optim.drop_path = 0.2;
  s.optim.micro_batch = 2;
  return s;
}

TEST(Classify, TrainsAlikeOnAnyNumberOfRanks) {
  IJEPA_RANKS(2, 4);
  const TemporaryFolder own;  // rank 0's is everybody's
  const auto folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) {
    write_tiny_checkpoint(folder + "/run");
    write_class_folders(folder + "/images", 24);
  }
  ranks().barrier();
  auto settings = settings_in(folder);
  settings.run.out_dir = folder + "/together";
  const auto together = train_classifier(settings, ranks(), Log(1));
  if (ranks().rank() == 0) {
    settings.run.out_dir = folder + "/alone";
    const auto alone = train_classifier(settings, *local_communicator(), Log(1));
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_NEAR(together.history[i].train_loss, alone.history[i].train_loss, 1e-5);
      EXPECT_NEAR(together.history[i].valid_loss, alone.history[i].valid_loss, 1e-5);
      EXPECT_EQ(together.history[i].valid_top1, alone.history[i].valid_top1);
    }
  }
  ranks().barrier();
  ClassifyInferSettings ask{
      folder + "/together/best_model", folder + "/images", folder + "/answers", 3, true, 1};
  const auto answers = classify_images(ask, ranks(), Log(1));
  EXPECT_TRUE(answers.accuracy.has_value());
  if (ranks().rank() == 0) {
    ask.out = folder + "/answers_alone";
    EXPECT_EQ(classify_images(ask, *local_communicator(), Log(1)).accuracy->top1,
              answers.accuracy->top1);
    EXPECT_EQ(read_text_file(folder + "/answers/predictions.csv"),
              read_text_file(folder + "/answers_alone/predictions.csv"));
  }
  ranks().barrier();
}

}  // namespace
}  // namespace ijepa::test
