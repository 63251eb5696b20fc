// Classify settings: everything a classifier's training is configured by, as typed sections. The
// defaults train a linear layer on a frozen encoder.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/tasks/images/task_views.hpp"
#include "ijepa/tasks/network/encoder_features.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

enum class OptimizerChoice : std::uint8_t { sgd, adamw };
enum class RateSchedule : std::uint8_t { milestones, cosine };

struct ClassifyData {
  std::string train, valid;  // class folders or shards
  ViewSettings views;        // the crop's size: of the encoder, where it is 0
  double mixup = 0, cutmix = 0;
  std::int64_t threads = 0;
  bool skip_bad = false;  // of this start alone, so no field: leave out what cannot be read
};

struct ClassifyOptim {
  OptimizerChoice optimizer = OptimizerChoice::sgd;
  std::int64_t epochs = 10;
  std::int64_t batch = 32;       // images a step over all ranks
  std::int64_t micro_batch = 0;  // images a rank computes at once; 0: about 8192 patches
  double learning_rate = 1e-3;
  double momentum = 0.9;  // of sgd, Nesterov's
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.999;  // of adamw
  RateSchedule schedule = RateSchedule::milestones;
  std::string milestones = "1000";  // epochs, separated by commas
  double warmup_epochs = 0, final_lr = 0;
  double layer_decay = 1;
  double label_smoothing = 0;
  double drop_path = 0;
};

struct ClassifyRun {
  std::string run, checkpoint;  // one of them
  EncoderChoice encoder = EncoderChoice::target;
  bool fine_tune = false;
  std::string out_dir = "outputs/img_cls";
  std::string save_name = "model";
  std::int64_t seed = 42;
};

/// Those of pretraining that a classifier has as well. A type of its own, since it describes fewer:
/// of two describe() of one type the linker takes either for both where they are not inlined.
struct ClassifyCompute : ComputeSettings {};

struct ClassifySettings {
  ClassifyRun run;
  ClassifyData data;
  ClassifyOptim optim;
  ClassifyCompute compute;
};

/// The fields, ranges and help texts of every section.
void describe(ClassifySettings& settings, Fields& fields);

/// docs/classify_settings.md: every field with its default, range and meaning.
std::string classify_settings_page();

/// The epochs of `milestones`, rising. An Error names what is no epoch.
std::vector<std::int64_t> milestone_epochs(const ClassifyOptim& optim);

/// An Error, one sentence, for whatever cannot work on any data.
void check_settings(const ClassifySettings& settings);

/// Learning rate of step `step` = 0, 1, ... Milestones: times 0.1 from each of these epochs on.
/// Cosine: linear warm-up from 0, then down to final_lr at the end of the last epoch.
double learning_rate(const ClassifyOptim& optim, std::int64_t step, std::int64_t steps_per_epoch);

/// What must be equal for a training to go on: all settings but those that change no result, and,
/// with milestones, the number of epochs, so that more can follow.
std::string training_text(ClassifySettings settings);

}  // namespace ijepa
