// LayerNorm: y = (x - mean) / sqrt(variance + epsilon) * w + b over the features of each token.
#pragma once
#include <string>

#include "ijepa/nn/pass.hpp"

namespace ijepa {

class LayerNorm {
 public:
  struct Saved {
    Tensor x;           // (M, D) residual type
    Tensor mean, rstd;  // (M) statistics type
  };

  LayerNorm(ParamLayout& layout, const std::string& name, std::int64_t width, double epsilon)
      : weight_(layout.vector(name + ".weight", width, Init::ones)),
        bias_(layout.vector(name + ".bias", width, Init::zeros)),
        epsilon_(epsilon) {}

  std::int64_t first_offset() const { return weight_.offset; }

  /// x = sum.sum (M, D), which is formed first if there is a branch to add -> y (M, D) of any
  /// floating type.
  void forward(Pass& p, const BranchSum& sum, Tensor y, Saved& s) const {
    const DType type = p.precision.statistics();
    const std::int64_t rows = sum.sum.rows();
    s = {sum.sum, p.arena.keep(type, {rows}), p.arena.keep(type, {rows})};
    p.ops.layer_norm_forward(sum, p.vector(weight_), p.vector(bias_), epsilon_, y, s.mean, s.rstd);
  }
  /// Adds to d.dsum_accum, so that it can be the residual stream's gradient itself, and then forms
  /// the gradient of the branch from it.
  void backward(Pass& p, Tensor dy, const BranchGradient& d, const Saved& s) const {
    p.ops.layer_norm_backward(dy, s.x, p.vector(weight_), s.mean, s.rstd, d, p.gradient(weight_),
                              p.gradient(bias_), p.write);
  }

 private:
  Param weight_, bias_;
  double epsilon_;
};

}  // namespace ijepa
