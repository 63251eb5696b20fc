// Encoder: a vision transformer without class token on the kept patches of each image (Assran et
// al., arXiv 2301.08243). One object serves the context encoder and, with the EMA weights in the
// Pass, the target encoder.
#pragma once
#include <functional>
#include <vector>

#include "ijepa/core/pixel_type.hpp"
#include "ijepa/model/config.hpp"
#include "ijepa/nn/drop_path.hpp"
#include "ijepa/nn/vit_stack.hpp"

namespace ijepa {

/// Images of one micro-batch on the device: whole numbers (B, H, W, C) of pixel_type(C), or
/// floating (B, C, H, W) already normalised.
struct ImageBatch {
  Tensor pixels;
  Normalisation normalisation;
  std::int64_t count() const { return pixels.shape[0]; }
};

/// `images` images of the encoder's size and channels at `data`, as batches hold them; data may be
/// null where memory is only measured.
Tensor image_tensor(void* data, const EncoderConfig& config, std::int64_t images);

/// How the weight matrices of such a network start (`model.init`).
inline Init start_of_matrices(const EncoderConfig& config) {
  return config.start == StartWeights::xavier ? Init::xavier_uniform : Init::truncated_normal;
}

class Encoder {
 public:
  /// `positions` (N, D): the position table of the grid, row-major.
  Encoder(ParamLayout& layout, const EncoderConfig& config, std::span<const double> positions);

  struct Saved {
    Tensor patches;  // (Tc, C p p) compute type
    VitStack::Saved stack;
    LayerNorm::Saved norm;
    StackSequences sequences;
  };

  const EncoderConfig& config() const { return config_; }

  /// The patches at token rows `rows` (Tc) int32 = image * N + patch, in `sequences`, to features
  /// (Tc, D) compute type after the final norm.
  Tensor forward(Pass& p, const ImageBatch& images, Tensor rows, const Sequences& sequences,
                 std::vector<BranchScales> scales, Recompute recompute, Saved& s) const;
  /// dz (Tc, D) compute type: gradient of forward's result.
  void backward(Pass& p, Tensor dz, Recompute recompute, Saved& s,
                const ReadyCallback& ready) const;
  /// All tokens of all images without masks or drop path: (B N, D) residual type after the final
  /// norm. Only the result and what lay below stay in the arena.
  /// `after_block(i, x)`, if given, sees the residual stream (B N, D) after every block.
  Tensor infer(Pass& p, const ImageBatch& images,
               const std::function<void(std::int64_t, Tensor)>& after_block = {}) const;
  /// The same of the tokens at rows `wanted` (W) int32 alone: (W, D). The last block computes what
  /// they need.
  Tensor infer_rows(Pass& p, const ImageBatch& images, Tensor wanted) const;
  /// What targets are made of, (B N, D) residual type, arena as with infer: its result; or, of more
  /// than one of the last `blocks` blocks, the mean of their outputs, each token of which is
  /// normalised over its features without affine part (epsilon 1e-5; data2vec, Baevski et al.,
  /// arXiv 2202.03555, section 3.3). `final`, if given, sees infer's result.
  Tensor infer_targets(Pass& p, const ImageBatch& images, std::int64_t blocks,
                       const std::function<void(Tensor)>& final = {}) const;
  /// y = the final norm of x (T, D), for the outputs of earlier blocks, too. The arena is left as
  /// found.
  void final_norm(Pass& p, Tensor x, Tensor y) const;

 private:
  Tensor embed(Pass& p, Tensor patches, Tensor rows) const;
  Tensor gather(Pass& p, const ImageBatch& images, Tensor rows, std::int64_t count) const;
  Tensor infer_into(Pass& p, const ImageBatch& images, Tensor wanted, Tensor result,
                    const std::function<void(std::int64_t, Tensor)>& after_block) const;

  EncoderConfig config_;
  Linear patch_embed_;
  Constant positions_;
  VitStack stack_;
  LayerNorm norm_;
};

}  // namespace ijepa
