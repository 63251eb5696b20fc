// The command-line options of ijepa-predict.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "ijepa/tasks/prediction/predict.hpp"
#include "ijepa/tasks/prediction/sketch.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "options.hpp"

namespace ijepa {

inline void add_image_options(CLI::App& app, std::vector<std::string>& images,
                              std::int64_t& queries) {
  app.add_option("--image", images, "these images of it, by key or number");
  app.add_option("--queries", queries, "without --image: so many, spread over the input");
}

/// --input is needed where no command is given, which only a callback can tell.
inline void add_nearest_options(CLI::App& app, PredictSettings& s) {
  add_checkpoint_options(app, s.run, s.checkpoint);
  app.add_option("--input", s.input, "shards or a folder: images asked about; needed")
      ->type_name("PATH");
  add_image_options(app, s.images, s.queries);
  app.add_option("--box", s.box, "TOP,LEFT,ROWS,COLS in patches; default: the recipe's masks");
  app.add_option("--bank", s.bank, "images looked through; default: the input")->type_name("PATH");
  app.add_option("--bank-images", s.bank_images, "at most so many, spread over the bank");
  app.add_option("--k", s.k, "nearest blocks, each of another image");
  app.add_option("--show", s.shown, "images in predict.png")->check(CLI::NonNegativeNumber);
  app.add_option("--seed", s.seed, "of the masks")->check(CLI::NonNegativeNumber);
  app.add_option("--out", s.out, "folder for the table, the figures and the picture")
      ->type_name("FOLDER");
  add_skip_bad_option(app, s.skip_bad);
  add_thread_option(app, s.threads);
}

inline void add_decoder_options(CLI::App& app, TrainDecoderSettings& s) {
  add_checkpoint_options(app, s.run, s.checkpoint);
  app.add_option("--input", s.input, "shards or a folder: images to learn from")
      ->required()
      ->type_name("PATH");
  app.add_option("--out", s.out, "folder for checkpoints, table and plot; going on in it")
      ->type_name("FOLDER");
  app.add_option("--block", s.block, "ROWS,COLS in patches; default: the middle of the masks'");
  app.add_option("--width", s.width, "features of a token")->check(CLI::Range(4, 8192));
  app.add_option("--depth", s.depth, "transformer blocks")->check(CLI::Range(1, 256));
  app.add_option("--heads", s.heads, "of attention")->check(CLI::Range(1, 1024));
  app.add_option("--steps", s.steps, "of the whole training");
  app.add_option("--batch", s.batch, "crops of a step, over all ranks");
  app.add_option("--lr", s.learning_rate, "highest rate of AdamW");
  app.add_option("--average", s.average, "momentum of the averaged weights that draw");
  app.add_option("--images", s.images, "spread over the input; 0: all");
  app.add_option("--cache-mib", s.cache_mib, "memory of a rank for the predictions of all blocks")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--seed", s.seed, "of start weights, order, masks and noise")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--checkpoint-minutes", s.checkpoint_minutes,
                 "between checkpoints; 0: at the end alone");
  app.add_option("--max-seconds", s.max_seconds,
                 "save and end with code 85 after this time; 0: no limit");
  add_skip_bad_option(app, s.skip_bad);
  add_thread_option(app, s.threads);
}

inline void add_sketch_options(CLI::App& app, SketchSettings& s) {
  app.add_option("--decoder", s.decoder, "folder that train-decoder wrote, or one checkpoint in it")
      ->required()
      ->type_name("FOLDER");
  add_checkpoint_options(app, s.run, s.checkpoint,
                         "where the decoder's network is, if not where it was");
  app.add_option("--input", s.input, "shards or a folder: images asked about")
      ->required()
      ->type_name("PATH");
  add_image_options(app, s.images, s.queries);
  app.add_option("--samples", s.samples, "of each block, from different noise");
  app.add_option("--steps", s.steps, "of Heun's method, from noise to pixels");
  app.add_option("--guidance", s.guidance, "1: none; larger: closer to what is told, less varied");
  app.add_option("--show", s.shown, "images in sketch.png")->check(CLI::NonNegativeNumber);
  app.add_option("--seed", s.seed, "of masks and noise")->check(CLI::NonNegativeNumber);
  app.add_option("--out", s.out, "folder for the table, the figures and the picture")
      ->type_name("FOLDER");
  add_skip_bad_option(app, s.skip_bad);
  add_thread_option(app, s.threads);
}

}  // namespace ijepa
