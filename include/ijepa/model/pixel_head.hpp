// PixelHead: the predictor's hidden tokens tell the pixels of their patches, too, as in a masked
// autoencoder (He et al., arXiv 2111.06377): alone it makes one, to compare with; beside the
// features it is a help for small networks.
#pragma once
#include "ijepa/model/encoder.hpp"

namespace ijepa {

class PixelHead {
 public:
  /// The group "pixels": a linear map from the predictor's width P to the numbers of a patch.
  PixelHead(ParamLayout& layout, const EncoderConfig& encoder, const PredictorConfig& predictor);

  /// Smooth L1 between the map of `normed` (Tt, P) compute type, the predictor's mask tokens after
  /// its norm, and the pixels of their patches, each patch less its mean and divided by its
  /// deviation. Adds scale * sum to loss_accum (1) and writes the gradient with respect to `normed`
  /// to dnormed. target_rows (Tt) int32 = image * N + patch.
  void step(Pass& p, const ImageBatch& images, Tensor normed, Tensor target_rows, double scale,
            Tensor loss_accum, Tensor dnormed) const;
  /// Instead of it, in a step without this loss.
  void leave_out(Pass& p) const { proj_.leave_out(p); }

 private:
  PatchGrid grid_;
  Linear proj_;
};

}  // namespace ijepa
