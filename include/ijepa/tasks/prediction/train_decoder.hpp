// Train decoder: a diffusion model that draws blocks of pictures from what a run's predictor says
// of them (Bordes et al., arXiv 2112.09164, for the idea). It goes on after a stop, bit for bit.
#pragma once
#include <string>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/communicator.hpp"
#include "ijepa/comm/deadline.hpp"
#include "ijepa/comm/stop_signal.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/prediction/decoder_history.hpp"

namespace ijepa {

struct TrainDecoderSettings {
  std::string run, checkpoint;  // of the pretraining; one of them
  std::string input;            // shards or a folder
  std::string out = "outputs/decoder";
  std::string block;  // "rows,cols" in patches; empty: usual_block()
  std::int64_t width = 128, depth = 4, heads = 4;
  std::int64_t steps = 3000, batch = 64;         // batch: crops of a step, over all ranks
  double learning_rate = 1e-3, average = 0.999;  // average: momentum of the averaged weights
  std::int64_t images = 0;                       // spread over the input; 0: all
  std::int64_t cache_mib = 1024;                 // a rank's memory for s, 1 to 2^24
  std::int64_t seed = 0;
  double checkpoint_minutes = 5, max_seconds = 0;  // as in a run's configuration
  bool skip_bad = false;  // leave out images that cannot be read, and list them
  int threads = 0;        // a rank; 0: as the run was configured
};

struct TrainDecoderResult {
  bool finished = false;
  StopReason reason = StopReason::none;  // why not
  std::int64_t step = 0, blocks = 0;     // steps done; different blocks it learns from
  DecoderRow last;                       // of the history
  std::string checkpoint;                // the newest
  std::int64_t bad_images = 0;           // left out since they cannot be read
};

/// Checkpoints in OUT/checkpoints, OUT/training.csv and training.png. Going on gives the bits of a
/// training that was never stopped; ranks change nothing but the order of sums. An Error for a
/// folder that holds something else, a training with other settings or other images. Collective.
TrainDecoderResult train_decoder(const TrainDecoderSettings& settings, const Cluster& cluster,
                                 const StopSignal& stop, Communicator& comm, const Log& log);

/// Linear warm-up over a twentieth of the steps, then a cosine down to a hundredth. Steps count
/// from 0.
double decoder_learning_rate(const TrainDecoderSettings& settings, std::int64_t step);

}  // namespace ijepa
