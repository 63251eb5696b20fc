// Probe: how good the features of a checkpoint are, beside those of the untrained network and of
// baselines without a network, on the same images with the same classifiers.
#pragma once
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/network/encoder_features.hpp"
#include "ijepa/tasks/network/task_precision.hpp"
#include "ijepa/tasks/probing/probe_report.hpp"

namespace ijepa {

/// What the heads are trained on.
enum class TrainViews : std::uint8_t {
  kept,       // the features of one view an image, that of every evaluation; computed once
  augmented,  // random crops and flips, through the network anew in every epoch
  centred     // the same with the evaluation view's crop, for labels that tell how many or how far
};

struct ProbeSettings {
  std::string run;         // run folder, whose newest valid checkpoint is taken, or
  std::string checkpoint;  // a checkpoint's folder
  std::string train;       // labelled images; empty: those the run was trained on
  std::string test;        // labelled images of the same classes
  std::string subset;      // of the training images, see choose_images(); its seed is linear.seed
  std::string cache;       // folder for features; empty: none is kept
  EncoderChoice encoder = EncoderChoice::target;
  TaskPrecision precision = TaskPrecision::float32;  // of both networks; heads are float32
  std::int64_t layers = 4;  // whose means heads may use; at most the encoder's
  TrainViews views = TrainViews::kept;
  KnnOptions knn;
  LinearProbeOptions linear;
  int threads = 0;        // a rank; 0: as the run was configured
  bool skip_bad = false;  // leave out images that cannot be read
};

/// Features at the run's image size, k-NN and linear heads, all shared by the ranks. The
/// untrained network has the start weights of the run. `out`: where the list of a subset is
/// written. Every rank has the report. Collective.
ProbeReport run_probe(const ProbeSettings& settings, const std::string& checkpoint,
                      const std::string& out, Communicator& comm, const Log& log);

}  // namespace ijepa
