// Decoder fixture: a tiny run, shards of pictures, and a decoder's training of seconds on them.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "ijepa/tasks/prediction/sketch.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {

/// 4 x 4 patches of 8 pixels; blocks of 2 x 2.
inline TrainDecoderSettings tiny_decoder(const std::string& folder) {
  TrainDecoderSettings s;
  s.run = folder + "/run";
  s.input = folder + "/shards";
  s.out = folder + "/decoder";
  s.block = "2,2";
  s.width = 32;
  s.depth = 1;
  s.heads = 2;
  s.steps = 6;
  s.batch = 8;
  s.checkpoint_minutes = 0;
  s.threads = 1;
  return s;
}

inline SketchSettings tiny_sketch(const std::string& folder) {
  SketchSettings s;
  s.decoder = folder + "/decoder";
  s.input = folder + "/shards";
  s.out = folder + "/sketch";
  s.queries = 5;
  s.samples = 3;
  s.steps = 4;
  s.shown = 2;
  s.threads = 1;
  return s;
}

class DecoderFixture : public ::testing::Test {
 protected:
  DecoderFixture() {
    write_tiny_checkpoint(path("run"));
    write_pictures(path("shards"), {.images = 12});
    training_ = tiny_decoder(folder_.path().string());
    drawing_ = tiny_sketch(folder_.path().string());
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  TrainDecoderResult train() {
    const StopSignal stop;
    return train_decoder(training_, {}, stop, *comm_, Log(1));
  }
  SketchResult sketch() { return sketch_blocks(drawing_, *comm_, Log(1)); }
  std::string training_problem() {
    return message_of([&] { train(); });
  }
  std::string sketch_problem() {
    return message_of([&] { sketch(); });
  }

  TemporaryFolder folder_;
  std::unique_ptr<Communicator> comm_ = local_communicator();
  TrainDecoderSettings training_;
  SketchSettings drawing_;
};

}  // namespace ijepa::test
