// The command-line options of ijepa-segment.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <utility>

#include "ijepa/tasks/segmentation/infer_images.hpp"
#include "ijepa/tasks/segmentation/train.hpp"
#include "options.hpp"

namespace ijepa {

/// --imgsz takes width and height, in this order.
inline void add_image_size(CLI::App& app, Size& image, const std::string& help) {
  app.add_option_function<std::pair<int, int>>(
         "--imgsz",
         [&image](const auto& given) {
           image = {given.second, given.first};
         },
         help)
      ->check(number_in(between(1, 16384), true));
}

inline void add_compute_options(CLI::App& app, int& threads, std::string& device) {
  add_thread_option(app, threads, "a rank; 0: as the pretraining was configured");
  app.add_option("--device", device, "default: as the pretraining was configured")
      ->check(CLI::IsMember({"cpu", "cuda"}));
}

inline void add_train_options(CLI::App& app, SegmentTrainSettings& s) {
  add_checkpoint_options(app, s.run, s.checkpoint);
  app.add_option("--config", s.config, "classes and colours (TOML)")->required()->type_name("FILE");
  app.add_option("--train-images", s.train_images, "pictures to train on")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--train-masks", s.train_masks, "their masks, of the same names")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--valid-images", s.valid_images, "pictures to judge by")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--valid-masks", s.valid_masks, "their masks")->required()->type_name("FOLDER");
  app.add_option("--train-list", s.train_list, "file with a name a line: these images alone");
  app.add_option("--valid-list", s.valid_list, "the same for validation");
  app.add_option("--image-suffix", s.image_suffix,
                 "of the images' names before their ending, such as _leftImg8bit");
  app.add_option("--mask-suffix", s.mask_suffix, "of the masks', such as _gtFine_labelIds");
  app.add_flag("!--ignore-exif", s.exif, "masks were drawn on the pictures as they are stored");
  app.add_option("--out-dir", s.out, "folder for weights, tables and pictures")
      ->type_name("FOLDER");
  add_image_size(app, s.image, "width and height in pixels; default 448 448");
  add_number(app, "--epochs", s.epochs, between(1, 1e6), "passes over the training images");
  add_number(app, "--batch", s.batch, between(1, 1 << 24), "images of a step, over all ranks");
  add_number(app, "--lr", s.learning_rate, up_to(100), "of AdamW");
  add_number(app, "--weight-decay", s.weight_decay, between(0, 100), "of AdamW, on matrices");
  app.add_flag("--scheduler", s.scheduler, "a tenth of the rate after each of ...");
  add_number(app, "--scheduler-epochs", s.scheduler_epochs, between(0, 1e6), "... these epochs");
  app.add_flag("--fine-tune", s.fine_tune, "train the encoder too");
  add_encoder_option(app, s.encoder);
  add_choice(app, "--tokens", s.tokens,
             {{"encoder", TokenSource::encoder},
              {"untrained", TokenSource::untrained},
              {"patches", TokenSource::patches}},
             "what the head sees: for comparison an untrained encoder, or pixels");
  add_trained_precision_option(app, s.precision);
  app.add_flag("!--no-augment", s.augment, "no flips, brightness, contrast and rotation");
  add_number(app, "--seed", s.seed, between(0, 9e15), "of start weights, order and augmentation");
  add_compute_options(app, s.threads, s.device);
}

inline void add_infer_options(CLI::App& app, SegmentInferSettings& s, const std::string& input) {
  app.add_option("--weights", s.weights, "folder written by train, such as best_model_iou")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--input", s.input, input)->required()->type_name("PATH");
  app.add_option("--out-dir", s.out, "folder for the results")->required()->type_name("FOLDER");
  add_image_size(app, s.open.image, "width and height the network sees; default: as trained");
  app.add_flag("--window", s.sliding.enabled, "slide a window of that size over the picture");
  add_number(app, "--stride", s.sliding.stride, up_to(1), "of the window, as a share of its side");
  app.add_flag("--legend", s.legend, "classes and their shares beside each picture");
  app.add_option("--run", s.open.run, "where the encoder is, if not where it was at training")
      ->type_name("FOLDER");
  app.add_option("--checkpoint", s.open.checkpoint, "or the folder of that checkpoint")
      ->type_name("FOLDER");
  add_precision_option(app, s.open.precision);
  add_compute_options(app, s.open.threads, s.open.device);
}

inline void add_video_options(CLI::App& app, SegmentInferSettings& s) {
  add_infer_options(app, s, "video file, or a folder of frames");
  add_choice(app, "--codec", s.codec,
             {{"auto", VideoCodec::automatic},
              {"h264", VideoCodec::h264},
              {"vp9", VideoCodec::vp9},
              {"mpeg4", VideoCodec::mpeg4}},
             "of the result; auto: the first that can be written here");
  add_number(app, "--fps", s.frame_rate, between(0.01, 1000),
             "frames a second of a folder of frames");
  app.add_flag("!--no-rate", s.rate_shown, "no frames per second on the frames");
}

}  // namespace ijepa
