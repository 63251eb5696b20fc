// The command-line options of ijepa-predict.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "ijepa/tasks/prediction/decoder_weights.hpp"
#include "ijepa/tasks/prediction/predict.hpp"
#include "ijepa/tasks/prediction/sketch.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "options.hpp"

namespace ijepa {

inline void add_image_options(CLI::App& app, std::vector<std::string>& images,
                              std::int64_t& queries) {
  app.add_option("--image", images, "these images of it, by key or number");
  add_number(app, "--queries", queries, count_from(1),
             "without --image: so many, spread over the input");
}

/// --input is needed where no command is given, which only a callback can tell.
inline void add_nearest_options(CLI::App& app, PredictSettings& s) {
  add_checkpoint_options(app, s.run, s.checkpoint);
  app.add_option("--input", s.input, "shards or a folder: images asked about; needed")
      ->type_name("PATH");
  add_image_options(app, s.images, s.queries);
  app.add_option("--box", s.box, "TOP,LEFT,ROWS,COLS in patches; default: the recipe's masks");
  app.add_option("--bank", s.bank, "images looked through; default: the input")->type_name("PATH");
  add_number(app, "--bank-images", s.bank_images, count_from(1),
             "at most so many, spread over the bank");
  add_number(app, "--k", s.k, count_from(1), "nearest blocks, each of another image");
  add_number(app, "--show", s.shown, count_from(0), "images in predict.png");
  add_number(app, "--seed", s.seed, between(0, 9e15), "of the masks");
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
  add_number(app, "--width", s.width, between(4, 8192), "features of a token");
  add_number(app, "--depth", s.depth, between(1, 256), "transformer blocks");
  add_number(app, "--heads", s.heads, between(1, 1024), "of attention");
  add_number(app, "--steps", s.steps, between(1, most_decoder_steps), "of the whole training");
  add_number(app, "--batch", s.batch, between(1, 1 << 20), "crops of a step, over all ranks");
  add_number(app, "--lr", s.learning_rate, up_to(100), "highest rate of AdamW");
  add_number(app, "--average", s.average, below(1), "momentum of the averaged weights that draw");
  add_number(app, "--images", s.images, count_from(0), "spread over the input; 0: all");
  add_number(app, "--cache-mib", s.cache_mib, between(1, 1 << 24),
             "memory of a rank for the predictions of all blocks");
  add_number(app, "--seed", s.seed, between(0, 9e15), "of start weights, order, masks and noise");
  add_number(app, "--checkpoint-minutes", s.checkpoint_minutes, between(0, 1e9),
             "between checkpoints; 0: at the end alone");
  add_number(app, "--max-seconds", s.max_seconds, between(0, 1e9),
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
  add_number(app, "--samples", s.samples, between(1, 1 << 16),
             "of each block, from different noise");
  add_number(app, "--steps", s.steps, between(1, 1 << 20),
             "of Heun's method, from noise to pixels");
  add_number(app, "--guidance", s.guidance, between(0, 100),
             "1: none; larger: closer to what is told, less varied");
  add_number(app, "--show", s.shown, count_from(0), "images in sketch.png");
  add_number(app, "--seed", s.seed, between(0, 9e15), "of masks and noise");
  app.add_option("--out", s.out, "folder for the table, the figures and the picture")
      ->type_name("FOLDER");
  add_skip_bad_option(app, s.skip_bad);
  add_thread_option(app, s.threads);
}

}  // namespace ijepa
