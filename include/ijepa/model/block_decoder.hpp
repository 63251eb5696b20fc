// BlockDecoder: a small diffusion transformer that draws the pixels of a block of patches and of a
// ring of one patch around it, given a vector s that says what is in the block. It predicts the
// clean pixels from noisy ones (Li and He, arXiv 2511.13720).
#pragma once
#include <vector>

#include "ijepa/model/grid.hpp"
#include "ijepa/nn/modulated_block.hpp"
#include "ijepa/nn/vit_stack.hpp"

namespace ijepa {

struct BlockDecoderConfig {
  std::int64_t width = 128, depth = 4, heads = 4;
  std::int64_t mlp_hidden = 512;
  std::int64_t patch = 4;      // pixels, as the encoder's
  Grid crop;                   // the block and its ring, in patches
  std::int64_t condition = 0;  // C, features of s

  std::int64_t tokens() const { return crop.tokens(); }
  std::int64_t patch_size() const { return 3 * patch * patch; }
  /// Pixels of a crop, times three channels.
  std::int64_t crop_size() const { return tokens() * patch_size(); }
};

/// Sines and cosines of a time in [0, 1] at 32 frequencies of 1000 to 0.1, 64 numbers.
constexpr std::int64_t time_features = 64;
std::vector<double> features_of_time(double t);

class BlockDecoder {
 public:
  /// The group "decoder". An Error for sizes that cannot be.
  BlockDecoder(ParamLayout& layout, const BlockDecoderConfig& config);

  struct Saved {
    Tensor time, condition, z;                     // what came in
    Tensor time_pre, time_hidden, pre, modulator;  // (S, D)
    ModulatedRows rows;
    SequenceGroup group;
    std::vector<ModulatedBlock::Saved> blocks;
    LayerNorm::Saved norm;
    Modulation::Saved modulation;
    Tensor normed, last;  // (S T, D)
  };

  const BlockDecoderConfig& config() const { return config_; }

  /// Noisy patches z (S T, 3 p p) of S crops, time (S, 64) features, condition (S, C + 1): s and 0,
  /// or zeros and 1 where s is not told -> the clean patches (S T, 3 p p). All of one type, float32
  /// or float64. What backward needs is kept in the arena.
  Tensor forward(Pass& p, Tensor z, Tensor time, Tensor condition, Saved& s) const;
  /// dprediction (S T, 3 p p). Gradients are written, or added, as p.write says.
  void backward(Pass& p, Tensor dprediction, const Saved& s, const ReadyCallback& ready) const;

 private:
  Tensor modulator(Pass& p, Saved& s) const;
  void modulator_backward(Pass& p, Tensor dmodulator, const Saved& s) const;

  BlockDecoderConfig config_;
  Linear time_in_, time_out_, condition_, patch_embed_;
  Constant positions_;
  std::vector<ModulatedBlock> blocks_;
  LayerNorm norm_;
  Modulation modulation_;
  Linear proj_;
};

}  // namespace ijepa
