// Model configuration: the sizes of encoder and predictor and the mask recipe, as plain data.
// Symbols as in the paper (Assran et al., arXiv 2301.08243): D width, P predictor width, N tokens.
#pragma once
#include <cstdint>
#include <string>

namespace ijepa {

/// How weight matrices start: truncated normal of deviation 0.02 (the published runs), or uniform
/// with a variance that keeps that of the features from layer to layer (Glorot and Bengio 2010).
enum class StartWeights : std::uint8_t { authors, xavier };

struct EncoderConfig {
  std::string name = "vit_tiny";  // a preset, or "custom"
  std::int64_t width = 192;       // D
  std::int64_t depth = 12;
  std::int64_t heads = 3;
  std::int64_t mlp_hidden = 768;
  std::int64_t patch = 16;
  std::int64_t image_height = 224, image_width = 224;
  std::int64_t channels = 3;
  double drop_path = 0;                        // linearly increasing with depth up to this rate
  StartWeights start = StartWeights::authors;  // of encoder and predictor
  bool rescale_init = false;  // divide output projections by sqrt(2 * layer) (off in the reference)

  std::int64_t grid_rows() const { return image_height / patch; }
  std::int64_t grid_cols() const { return image_width / patch; }
  std::int64_t tokens() const { return grid_rows() * grid_cols(); }
  std::int64_t patch_values() const { return channels * patch * patch; }
};

struct PredictorConfig {
  std::int64_t width = 384;  // P
  std::int64_t depth = 12;
  std::int64_t mlp_hidden = 1536;  // 4 P
  double drop_path = 0;
  bool joint = false;  // all target blocks in one sequence, so that they see one another
};

/// Blocks as in the paper, or as a masked autoencoder has it: the context is a random subset of the
/// patches, the target is all others.
enum class MaskShape : std::uint8_t { blocks, random };

struct MaskConfig {
  MaskShape shape = MaskShape::blocks;
  std::int64_t num_targets = 4;   // K
  std::int64_t num_contexts = 1;  // E
  double target_scale_min = 0.15, target_scale_max = 0.2;
  double context_scale_min = 0.85, context_scale_max = 1.0;
  double aspect_min = 0.75, aspect_max = 1.5;
  std::int64_t min_keep = 10;
  bool allow_overlap = false;
  bool compat = true;  // the reference's quirks: one r for scale and aspect ratio, last
                       // row and column never chosen, truncation keeps the first indices
  std::int64_t truncate_group =
      128;  // positions whose masks are cut to one length; 1: no truncation
  std::int64_t context_patches = 0;   // contexts are cut to so many patches at most; 0: not
  std::int64_t context_multiple = 1;  // contexts are cut further, to a multiple of so many patches
};

/// How the target encoder's features become targets: each token by its own mean and deviation (the
/// published runs), or less its position's mean over images and divided by each feature's deviation
/// around it, both running over the steps.
enum class TargetScaling : std::uint8_t { normalised, centred };

/// Losses beside that of the predicted blocks' features; those on the mean of each image's context
/// features are over the global batch. 0: none.
struct LossConfig {
  double variance_covariance = 0;  // weight of VICReg's two terms on the means
  double pooled_prediction = 0;    // weight of a linear map of them that predicts the target's mean
  double pixels = 0;               // weight of the hidden patches' pixels, told by the predictor
  double features = 1;             // weight of the hidden patches' features: I-JEPA's own loss
  TargetScaling targets = TargetScaling::normalised;
  std::int64_t target_blocks = 1;  // features are the mean of so many last blocks' outputs
  double centre = 0;               // weight of the square of the means' own mean
  double pixel_epochs = 0;         // the first of a run, in which it is a masked autoencoder

  bool needs_pixel_head() const { return pixels > 0 || pixel_epochs > 0; }
  bool pooled() const { return variance_covariance > 0 || pooled_prediction > 0 || centre > 0; }
};

/// Fills width, depth, heads and mlp_hidden of vit_tiny ... vit_giant. False for an unknown name.
bool apply_preset(EncoderConfig& config, const std::string& name);

}  // namespace ijepa
