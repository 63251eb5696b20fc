// Predict: what does the predictor expect inside a block, given the picture outside it? Pooled
// predictions look for the nearest blocks of other images (Assran et al., arXiv 2301.08243, figure
// 6 shows such vectors; here they are shown by what resembles them, without a generative model).
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/images/image.hpp"

namespace ijepa {

struct PredictSettings {
  std::string run, checkpoint;      // one of them
  std::string input, bank;          // images asked about, and looked through; bank empty: input
  std::vector<std::string> images;  // keys or numbers of images to ask about; empty: `queries`
  std::int64_t queries = 64;        // images spread over the input
  std::string box;                  // "top,left,rows,cols" in patches; empty: the recipe's masks
  std::int64_t bank_images = 1000;  // spread over the bank
  std::int64_t k = 5;               // nearest blocks, each of another image
  std::int64_t shown = 4;           // images in the picture
  std::int64_t seed = 0;            // of the masks
  std::string out = "outputs/predict";
  bool skip_bad = false;  // leave out images that cannot be read, and list them
  int threads = 0;        // a rank; 0: as the run was configured
};

/// A block of a bank image.
struct BlockHit {
  std::int64_t image = 0;
  std::int64_t position = 0;  // of its upper left patch among block_positions()
  float similarity = 0;       // cosine
};

/// A block that was asked about.
struct BlockQuery {
  std::int64_t image = 0;  // of the input
  std::int64_t position = 0;
  float own = 0;                      // similarity to the truth
  std::int64_t others = 0;            // bank images that it was compared with: all but its own
  std::int64_t before_others = 0;     // of them, those whose block at this place is more similar
  std::int64_t before_inside = 0;     // other places of its own image that are more similar
  std::vector<BlockHit> hits;         // nearest first, at most one an image, never its own
  std::vector<std::int32_t> context;  // patches that were seen
};

/// Shares of the blocks whose truth is the most similar, or among the five most similar, of the
/// candidates, beside those of a guess.
struct Recall {
  std::int64_t candidates = 0;  // the truth among them; the mean where queries differ
  double at1 = 0, at5 = 0;
  double chance1() const { return 1 / static_cast<double>(candidates); }
  double chance5() const { return candidates < 5 ? 1 : 5 / static_cast<double>(candidates); }
};

struct PredictResult {
  std::int64_t rows = 0, cols = 0;  // of a block, in patches
  std::vector<BlockQuery> queries;
  double mean_own = 0;          // mean similarity to the truth
  Recall others, inside;        // against other images at the same place; against other places
  std::int64_t bad_images = 0;  // left out since they cannot be read
};

/// Writes predict.csv (a line a block), predict.json (recalls) and predict.png. The bank goes round
/// the ranks; the result is the same for any number, and rank 0's. Collective.
PredictResult predict_blocks(const PredictSettings& settings, Communicator& comm, const Log& log);

/// Several lines for people.
std::string as_text(const PredictResult& result);

}  // namespace ijepa
