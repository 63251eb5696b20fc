// Classifier: an encoder, the mean over its tokens, and one linear layer, forward and backward.
//   pooled = mean over tokens of norm(encoder(image)),   logits = pooled W^T + b
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ijepa/nn/linear.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"

namespace ijepa {

struct ClassifierShape {
  EncoderConfig pretrained;  // its drop_path is that of training here
  Size image;
  std::int64_t classes = 0;
  Normalisation normalisation;
};

/// One micro-batch to learn from.
struct Examples {
  std::span<const std::uint8_t> pixels;  // (B, height, width, channels)
  MatrixView<const double> targets;      // (B, C), rows sum to 1
  DropPathDraw drop_path;
};

class Classifier {
 public:
  /// Memory for micro-batches of up to `most` images is taken here.
  Classifier(Device& device, const ClassifierShape& shape, Trained trained, Precision precision,
             Recompute recompute, std::int64_t most);

  const ClassifierShape& shape() const { return shape_; }
  Trained trained() const { return trained_; }
  PretrainedEncoder& encoder() { return encoder_; }
  ParamStore& head() { return head_store_; }

  /// (B, C), B at most `most`.
  Matrix<double> logits(std::span<const std::uint8_t> pixels);

  struct Learned {
    Matrix<double> logits;
    std::vector<double> losses;  // (B)
  };
  /// Gradients of scale * (sum of the soft cross-entropies), written or added as `write` says.
  /// `head_ready` and `encoder_ready` as in a backward pass.
  Learned learn(const Examples& examples, double scale, Write write,
                const ReadyCallback& head_ready = {}, const ReadyCallback& encoder_ready = {});

  /// Weights, or weights and moments, as checkpoints hold them: groups "encoder" and "head".
  std::vector<RunState> state(const std::vector<Role>& roles);

 private:
  struct Forward;

  Forward forward(Pass& body, Pass& head, Tensor pixels, const DropPathDraw& draw, Trained trained,
                  PretrainedEncoder::Saved& saved) const;
  void backward(Pass& body, Pass& head, const Forward& f, Tensor dlogits,
                PretrainedEncoder::Saved& saved, const ReadyCallback& head_ready,
                const ReadyCallback& encoder_ready) const;
  Pass head_pass(Ops& ops, Arena& arena, Write write) const;
  Tensor pixel_shape(std::int64_t count) const;
  Tensor pixel_tensor(std::int64_t count) const;
  std::size_t measure(std::int64_t count) const;
  Tensor upload_pixels(std::span<const std::uint8_t> pixels);

  Device& device_;
  ClassifierShape shape_;
  Trained trained_;
  Recompute recompute_;
  PretrainedEncoder encoder_;
  ParamLayout head_layout_;
  Linear head_;
  ParamStore head_store_;
  Buffer arena_, pixels_;
};

}  // namespace ijepa
