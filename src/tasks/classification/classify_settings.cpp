#include "ijepa/tasks/classification/classify_settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <sstream>

#include "ijepa/core/error.hpp"

namespace ijepa {

// Static rather than in an unnamed namespace, where Fields::section could not find them by the type
// of their argument.
static void describe(ClassifyRun& r, Fields& f) {
  f("run", r.run, "Run folder of pretraining: its newest valid checkpoint is used.");
  f("checkpoint", r.checkpoint,
    "Or one checkpoint's folder, or another program's weights (.pth.tar, .safetensors).");
  f.choice("encoder", r.encoder,
           {{"target", EncoderChoice::target},
            {"context", EncoderChoice::context},
            {"untrained", EncoderChoice::untrained}},
           "Which of its two encoders, or either as it was before the first step.");
  f("fine_tune", r.fine_tune, "Train the encoder too; otherwise only the linear layer.");
  f("out_dir", r.out_dir, "Folder for weights, tables and plots.");
  f("save_name", r.save_name, "Name of the weights there.");
  f("seed", r.seed, between(0, 9e15), "Seed of everything random.");
}

static void describe(ClassifyData& d, Fields& f) {
  f("train", d.train, "Training images: a folder of class folders, or shards. Required.");
  f("valid", d.valid, "Validation images of the same classes. Required.");
  f.choice("transform", d.views.transform,
           {{"squash", ViewTransform::squash},
            {"cover", ViewTransform::cover},
            {"random_crop", ViewTransform::random_crop}},
           "`squash`: resized to 256/224 of the size on both sides, whatever the aspect, centre "
           "crop. `cover`: the aspect is kept. `random_crop`: random resized crops to train on, "
           "`cover` to validate.");
  f("image_height", d.views.image_height, between(0, 16384),
    "Height of the images in pixels, a multiple of the patch. 0: as in pretraining.");
  f("image_width", d.views.image_width, between(0, 16384), "Width; 0: as in pretraining.");
  f("crop_scale_min", d.views.crop_scale_min, up_to(1),
    "Smallest area of a random crop, as a share of the image.");
  f("flip", d.views.flip, "Mirror every other training image, at random.");
  f("rand_augment", d.views.rand_augment, between(0, 10),
    "Magnitude of RandAugment: two random operations on each training image. 0: none.");
  f("mixup", d.mixup, between(0, 4),
    "Alpha of mixup: blends of two images and their labels. 0: none.");
  f("cutmix", d.cutmix, between(0, 4),
    "Alpha of cutmix: a box from another image. 0: none. With mixup one of the two a step.");
  f("threads", d.threads, between(0, 1024), "Decoding threads of a rank. 0: its cores.");
}

static void describe(ClassifyOptim& o, Fields& f) {
  f.choice("optimizer", o.optimizer,
           {{"sgd", OptimizerChoice::sgd}, {"adamw", OptimizerChoice::adamw}},
           "SGD with Nesterov momentum, or AdamW.");
  f("epochs", o.epochs, between(1, 1e6), "Passes over the training images.");
  f("batch", o.batch, between(1, 1 << 24), "Images a step over all ranks.");
  f("micro_batch", o.micro_batch, between(0, 1 << 24),
    "Images a rank computes at once, an even number. 0: about 8192 patches.");
  f("learning_rate", o.learning_rate, above(0), "Of the last layers, at its highest.");
  f("momentum", o.momentum, below(1), "Of SGD.");
  f("weight_decay", o.weight_decay, between(0, 10),
    "AdamW: decoupled, of weight matrices. SGD: part of the gradient, of all parameters.");
  f("beta1", o.beta1, below(1), "Of AdamW.");
  f("beta2", o.beta2, below(1), "Of AdamW.");
  f.choice("schedule", o.schedule,
           {{"milestones", RateSchedule::milestones}, {"cosine", RateSchedule::cosine}},
           "Of the learning rate.");
  f("milestones", o.milestones,
    "Epochs, separated by commas, from which on the rate is a tenth of what it was.");
  f("warmup_epochs", o.warmup_epochs, between(0, 1e6), "Linear rise from 0, with `cosine`.");
  f("final_lr", o.final_lr, between(0, 1e6), "Where `cosine` ends.");
  f("layer_decay", o.layer_decay, up_to(1),
    "Factor of the learning rate from each block to the one before it.");
  f("label_smoothing", o.label_smoothing, below(1), "Share of a label spread over all classes.");
  f("drop_path", o.drop_path, below(1),
    "Rate of dropped branches in the last block, rising linearly from 0.");
}

static void describe(ClassifyCompute& c, Fields& f) {
  f.choice(
      "device", c.device,
      {{"auto", DeviceChoice::automatic}, {"cpu", DeviceChoice::cpu}, {"cuda", DeviceChoice::cuda}},
      "`auto`: the CPU.");
  f.choice("precision", c.precision, {{"float32", DType::f32}, {"bfloat16", DType::bf16}},
           "Of matrix products and activations.");
  f.choice("recompute", c.recompute, {{"none", Recompute::none}, {"block", Recompute::block}},
           "`block`: less memory, a third more work.");
  f("threads", c.threads, between(0, 1024), "Compute threads of a rank. 0: its cores.");
}

void describe(ClassifySettings& s, Fields& f) {
  f.listed_in("docs/classify_settings.md");
  f.section("run", s.run, "What is trained, and where it is kept.");
  f.section("data", s.data, "Images and their augmentation.");
  f.section("optim", s.optim, "Length, optimizer and regularisation.");
  f.section("compute", s.compute, "Where and how precisely.");
}

std::string classify_settings_page() {
  ClassifySettings settings;
  return "# Settings of ijepa-classify train\n\n"
         "Generated from the code; do not edit. `--config FILE` reads a TOML file with these "
         "sections and keys, `--set section.key=value` changes one value. Unknown keys, wrong "
         "types "
         "and values outside the allowed range are errors.\n" +
         to_markdown(fields_of(settings));
}

std::vector<std::int64_t> milestone_epochs(const ClassifyOptim& optim) {
  std::vector<std::int64_t> epochs;
  std::istringstream words(optim.milestones);
  for (std::string word; std::getline(words, word, ',');) {
    std::erase(word, ' ');
    std::int64_t epoch = 0;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, epoch);
    check(error == std::errc{} && stop == end && epoch > 0,
          "optim.milestones = \"{}\": \"{}\" is no epoch; write \"30,60\".", optim.milestones,
          word);
    epochs.push_back(epoch);
  }
  check(std::ranges::is_sorted(epochs), "optim.milestones = \"{}\" must rise.", optim.milestones);
  return epochs;
}

void check_settings(const ClassifySettings& s) {
  check(!s.data.train.empty() && !s.data.valid.empty(),
        "Name training and validation images (--train-dir, --valid-dir).");
  const auto& name = s.run.save_name;
  check(!name.empty() && name.find('/') == std::string::npos && !name.starts_with('.'),
        "run.save_name = \"{}\" is no name for weights.", name);
  check(!s.run.out_dir.empty(), "run.out_dir must name a folder.");
  check((s.data.views.image_height == 0) == (s.data.views.image_width == 0),
        "Give both data.image_height and data.image_width, or neither.");
  milestone_epochs(s.optim);
  check(s.run.fine_tune || (s.optim.layer_decay == 1 && s.optim.drop_path == 0),
        "optim.layer_decay and optim.drop_path act on the encoder, which does not train without "
        "run.fine_tune.");
  check(s.optim.final_lr <= s.optim.learning_rate,
        "optim.final_lr = {} is above optim.learning_rate = {}.", s.optim.final_lr,
        s.optim.learning_rate);
  check(s.optim.warmup_epochs < static_cast<double>(s.optim.epochs),
        "optim.warmup_epochs = {} is not below optim.epochs = {}.", s.optim.warmup_epochs,
        s.optim.epochs);
}

double learning_rate(const ClassifyOptim& o, std::int64_t step, std::int64_t steps_per_epoch) {
  if (o.schedule == RateSchedule::milestones) {
    const auto epochs = milestone_epochs(o);
    const auto passed = std::ranges::count_if(
        epochs, [&](std::int64_t epoch) { return epoch <= step / steps_per_epoch; });
    return o.learning_rate * std::pow(0.1, static_cast<double>(passed));
  }
  const double epoch = static_cast<double>(step) / static_cast<double>(steps_per_epoch);
  if (epoch < o.warmup_epochs)
    return o.learning_rate * static_cast<double>(step + 1) /
           std::max(1.0, o.warmup_epochs * static_cast<double>(steps_per_epoch));
  const double share =
      (epoch - o.warmup_epochs) / (static_cast<double>(o.epochs) - o.warmup_epochs);
  return o.final_lr +
         (o.learning_rate - o.final_lr) * 0.5 * (1 + std::cos(std::numbers::pi * share));
}

std::string training_text(ClassifySettings settings) {
  settings.run.run = settings.run.checkpoint = settings.run.out_dir = "";
  settings.data.train = settings.data.valid = "";
  settings.data.threads = settings.compute.threads = settings.optim.micro_batch = 0;
  settings.compute.recompute = Recompute::none;
  if (settings.optim.schedule == RateSchedule::milestones) settings.optim.epochs = 0;
  return to_toml(fields_of(settings));
}

}  // namespace ijepa
