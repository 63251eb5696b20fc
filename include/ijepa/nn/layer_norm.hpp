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

  /// x (M, D) residual type -> y (M, D) of any floating type.
  void forward(Pass& p, Tensor x, Tensor y, Saved& s) const {
    const DType type = p.precision.statistics();
    s = {x, p.arena.keep(type, {x.rows()}), p.arena.keep(type, {x.rows()})};
    p.ops.layer_norm_forward(x, p.vector(weight_), p.vector(bias_), epsilon_, y, s.mean, s.rstd);
  }
  /// The same of x = sum.sum, which is formed on the way.
  void forward_sum(Pass& p, const BranchSum& sum, Tensor y, Saved& s) const {
    const DType type = p.precision.statistics();
    const std::int64_t rows = sum.sum.rows();
    s = {sum.sum, p.arena.keep(type, {rows}), p.arena.keep(type, {rows})};
    p.ops.add_layer_norm_forward(sum, p.vector(weight_), p.vector(bias_), epsilon_, y, s.mean,
                                 s.rstd);
  }
  /// Adds to dx_accum, so that it can be the residual stream's gradient itself.
  void backward(Pass& p, Tensor dy, Tensor dx_accum, const Saved& s) const {
    p.ops.layer_norm_backward(dy, s.x, p.vector(weight_), s.mean, s.rstd, dx_accum,
                              p.gradient(weight_), p.gradient(bias_), p.write);
  }
  /// Adds to d.dsum_accum, then forms the gradient of the branch from it.
  void backward_sum(Pass& p, Tensor dy, const BranchGradient& d, const Saved& s) const {
    p.ops.add_layer_norm_backward(dy, s.x, p.vector(weight_), s.mean, s.rstd, d,
                                  p.gradient(weight_), p.gradient(bias_), p.write);
  }

 private:
  Param weight_, bias_;
  double epsilon_;
};

}  // namespace ijepa
