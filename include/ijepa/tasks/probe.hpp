// Probe: how good the features of a checkpoint are, beside those of the untrained network and of
// baselines without a network, on the same images with the same classifiers.
#pragma once
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/encoder_features.hpp"
#include "ijepa/tasks/probe_report.hpp"

namespace ijepa {

struct ProbeSettings {
  std::string run;         // run folder, whose newest valid checkpoint is taken, or
  std::string checkpoint;  // a checkpoint's folder
  std::string train;       // labelled shards; empty: those the run was trained on
  std::string test;        // labelled shards of the same classes
  EncoderChoice encoder = EncoderChoice::target;
  KnnOptions knn;
  LinearProbeOptions linear;
  int threads = 0;  // a rank; 0: as the run was configured
};

/// Features of both shard sets, shared by the ranks, in float32 at the run's image size; k-NN and
/// linear head on rank 0. The untrained network has the start weights of the run. The report is
/// rank 0's; others have its head alone. Collective.
ProbeReport run_probe(const ProbeSettings& settings, const std::string& checkpoint,
                      Communicator& comm, const Log& log);

}  // namespace ijepa
