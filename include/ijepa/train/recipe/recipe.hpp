// Recipe: everything a pretraining run is configured by, as typed sections with the published
// defaults (ViT-H/14 on ImageNet-1k; Assran et al., arXiv 2301.08243), and the quantities that
// follow from it. docs/configuration.md is generated from the fields described here.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/core/config.hpp"
#include "ijepa/core/tensor.hpp"
#include "ijepa/data/loading/augment.hpp"
#include "ijepa/data/loading/sampler.hpp"
#include "ijepa/model/config.hpp"
#include "ijepa/nn/vit_stack.hpp"

namespace ijepa {

enum class DeviceChoice : std::uint8_t { automatic, cpu, cuda };
/// What happens when the run folder already holds a run. It is never overwritten.
enum class UsedFolder : std::uint8_t { resume, refuse, extend };
/// The figure whose best checkpoint is kept.
enum class KeepBest : std::uint8_t { automatic, none, rankme, evaluation };

/// Whether ranks of a node that may all run on the same cores divide them.
enum class BindCores : std::uint8_t { automatic, no };

/// How a GPU's matrix products are computed: by the library's first suggestion, or by what was
/// fastest when it was measured.
enum class ProductAlgorithms : std::uint8_t { first, measured };

struct ModelSettings {
  ModelSettings();  // sizes 0: "as the preset says", until resolve()

  EncoderConfig encoder;
  PredictorConfig predictor;
};

struct DataSettings {
  std::string shards;        // folder
  std::string valid_shards;  // folder; empty: health is measured on images of `shards`
  OrderConfig order;
  std::int64_t threads = 0;    // decoding threads a rank; 0: the rank's cores
  std::int64_t prefetch = 3;   // micro-batches prepared ahead
  std::string stage_dir;       // node-local folder the shards are copied to; empty: none
  double max_bad_rate = 0.01;  // share of unreadable images above which the run stops
  AugmentConfig augment;       // crop size: the model's image size, after resolve()
  std::int64_t channels = 3;   // that images are read as
  std::vector<double> mean{0.485, 0.456, 0.406};
  std::vector<double> std{0.229, 0.224, 0.225};
};

/// What moves the weight matrices of blocks; all else is AdamW's.
enum class MatrixOptimizer : std::uint8_t { adamw, muon };

struct OptimSettings {
  std::int64_t global_batch = 2048;  // images a step over all ranks
  std::int64_t micro_batch = 0;      // images a rank computes at once; 0: chosen by plan_run
  std::int64_t epochs = 300;
  std::int64_t max_steps = 0;  // stop early after so many steps; 0: never
  double warmup_epochs = 40;
  double start_lr = 2e-4, lr = 1e-3, final_lr = 1e-6;
  double weight_decay = 0.04, final_weight_decay = 0.4;
  double ema_start = 0.996, ema_end = 1.0;
  double ipe_scale = 1.0;  // length of the schedules relative to the run
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double clip_grad = 0;  // largest gradient norm; 0: none
  MatrixOptimizer optimizer = MatrixOptimizer::adamw;
  double muon_momentum = 0.95;
};

struct ComputeSettings {
  DeviceChoice device = DeviceChoice::automatic;
  DType precision = DType::f32;
  bool automatic_precision = false;  // chosen when the run is begun (precision_choice.hpp)
  DType residual = DType::f32;       // of the residual stream where precision is bfloat16
  std::int64_t threads = 0;          // compute threads a rank; 0: the rank's cores
  std::string cpu_kernels = "auto";
  Recompute recompute = Recompute::none;
  std::int64_t bucket_mib = 16;  // gradient bytes reduced in one go
  BindCores bind_cores = BindCores::automatic;
  ProductAlgorithms product_algorithms = ProductAlgorithms::first;
};

struct RunSettings {
  std::string dir;
  UsedFolder used_folder = UsedFolder::resume;
  std::int64_t seed = 0;
  std::int64_t log_every = 10;      // steps
  bool tensorboard = true;          // event files for TensorBoard
  std::int64_t health_every = 500;  // steps; 0: never
  std::int64_t health_images = 256;
  std::int64_t checkpoint_steps = 0;         // 0: not by steps
  double checkpoint_minutes = 15;            // 0: not by time
  std::int64_t keep_last = 2;                // checkpoints
  std::int64_t keep_every = 0;               // steps; checkpoints at its multiples stay; 0: none
  KeepBest keep_best = KeepBest::automatic;  // resolved: never automatic
  double save_retry_seconds = 30;            // after a failed save; doubles with each
  std::int64_t nan_limit = 3;                // non-finite steps in a row that are skipped
  std::int64_t keep_replays = 1;             // of steps that were not finite; 0: none is repeated
  double max_seconds = 0;                    // of one start of the program; 0: no limit
  double stop_margin_seconds = 60;           // before the job's end, beside the time of a save
  double stop_grace_seconds = 300;           // of all ranks after a signal; 0: for ever
  double hang_seconds = 180;                 // of silence of a process; 0: for ever
  double standstill_seconds = 1800;          // of all ranks; 0: for ever
  double wait_notice_seconds = 30;           // until late ranks are named; 0: never
};

/// k-NN on labelled images while the run trains.
struct EvalSettings {
  std::string train_shards;  // labelled images; empty: data.shards
  std::string test_shards;   // held-out images; empty: no evaluation
  std::int64_t every_epochs = 10;
  std::int64_t images = 10000;  // of each set at most; 0: all
  bool linear = false;          // a linear head, too
};

struct PretrainRecipe {
  ModelSettings model;
  MaskConfig mask;
  LossConfig loss;
  DataSettings data;
  OptimSettings optim;
  ComputeSettings compute;
  RunSettings run;
  EvalSettings eval;
};

/// The fields, ranges and help texts of every section.
void describe(PretrainRecipe& recipe, Fields& fields);

/// Fills sizes left at 0 from the preset (or four times the width, for MLPs) and the crop's size
/// from the model's, gives the model the images' channels, limits mask.truncate_group to the global
/// batch, and refuses, with one sentence in an Error, whatever cannot work on any data and any
/// number of ranks. Returns notes for the person who started the run. Resolving twice changes
/// nothing.
std::vector<std::string> resolve(PretrainRecipe& recipe_inout);

struct LoadedRecipe {
  PretrainRecipe recipe;           // resolved
  std::vector<std::string> notes;  // to be shown at the start
};

/// Published defaults, then the file, then `--set` overrides, resolved.
LoadedRecipe load_recipe(const std::string& file, const std::vector<std::string>& overrides);

/// The resolved recipe as TOML: what is stored with a run and compared between ranks.
std::string recipe_text(PretrainRecipe recipe);

/// One setting, "run.dir" for instance, as text without quotes. An Error suggests the nearest key.
std::string setting_text(PretrainRecipe recipe, const std::string& key);

/// docs/configuration.md: every field with its default, range and meaning.
std::string configuration_page();

/// What follows from a recipe, the data and the ranks. Worked out once, here.
struct RunPlan {
  std::int64_t steps_per_epoch = 0;  // ipe
  std::int64_t total_steps = 0;      // after which the run is done
  std::int64_t warmup_steps = 0;
  std::int64_t pixel_steps = 0;    // the first, in which pixels alone are predicted
  std::int64_t rank_batch = 0;     // images a rank sees in a step
  std::int64_t micro_batch = 0;    // images at once
  std::int64_t micro_batches = 0;  // a rank runs in a step
  std::vector<std::string> notes;
};

/// Plans a run of a resolved recipe over `images` training images on `ranks` ranks. Where
/// micro_batch is 0 it is the largest divisor of the rank's batch of at most 8192 patch tokens.
/// An Error where the batch does not divide or an epoch has no step.
RunPlan plan_run(const PretrainRecipe& recipe, std::int64_t images, std::int64_t ranks);

}  // namespace ijepa
