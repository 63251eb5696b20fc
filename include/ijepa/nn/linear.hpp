// Linear: y = x W^T + b.
#pragma once
#include <string>

#include "ijepa/nn/pass.hpp"

namespace ijepa {

class Linear {
 public:
  struct Shape {
    std::int64_t in = 0, out = 0;
    double init_scale = 1;
    std::vector<std::int64_t> stored =
        {};  // shape of the weight in checkpoints; {out, in} if empty
  };

  Linear(ParamLayout& layout, const std::string& name, const Shape& shape)
      : weight_(
            layout.matrix(name + ".weight", shape.out, shape.in, shape.stored, shape.init_scale)),
        bias_(layout.vector(name + ".bias", shape.out, Init::zeros)) {}

  /// The layer that gives `count` of the outputs, from `first` on.
  Linear outputs(std::int64_t first, std::int64_t count) const {
    Linear part = *this;
    part.weight_ = {weight_.offset + first * weight_.cols, count, weight_.cols};
    part.bias_ = {bias_.offset + first, 0, count};
    return part;
  }

  std::int64_t in() const { return weight_.cols; }
  std::int64_t out() const { return weight_.rows; }
  std::int64_t first_offset() const { return weight_.offset; }

  /// x (M, in) -> y (M, out), compute type. Backward needs x again.
  void forward(Pass& p, Tensor x, Tensor y) const {
    p.ops.linear_forward(x, p.matrix(weight_), p.vector(bias_), y);
  }
  /// The same, to y of any floating type.
  void forward_into(Pass& p, Tensor x, Tensor y) const {
    if (y.dtype == x.dtype) return forward(p, x, y);
    Arena::ScratchScope scope(p.arena);
    const Tensor product = p.arena.scratch(x.dtype, {y.rows(), y.cols()});
    forward(p, x, product);
    p.ops.copy(product, y);
  }
  /// pre = x W^T + b, y = gelu(pre). pre may be empty: then it is not kept.
  void forward_gelu(Pass& p, Tensor x, Tensor pre, Tensor y) const {
    p.ops.linear_gelu_forward(x, p.matrix(weight_), p.vector(bias_), pre, y);
  }
  /// dW = dy^T x, db = sum of dy over rows.
  void backward_params(Pass& p, Tensor dy, Tensor x) const {
    p.ops.linear_backward_params(dy, x, p.gradient(weight_), p.gradient(bias_), p.write);
  }
  /// The same where each row of dy is a sum of rows of dall, for equal rows of x: db is summed over
  /// dall, as it comes. Sums that cancel, as those of the keys' biases do sequence by sequence,
  /// keep less rounding so, which AdamW would blow up.
  void backward_params(Pass& p, Tensor dy, Tensor x, Tensor dall) const {
    p.ops.linear_backward_params(dy, x, p.gradient(weight_), {}, p.write);
    p.ops.sum_rows(dall, {}, p.gradient(bias_), p.write);
  }
  /// dW = 0 and db = 0 in a step that does not come by here; what others added to them stays.
  void leave_out(Pass& p) const {
    if (p.write == Write::accumulate) return;
    p.ops.fill_zero(p.gradient(weight_));
    p.ops.fill_zero(p.gradient(bias_));
  }
  /// dx = dy W.
  void backward_input(Pass& p, Tensor dy, Tensor dx) const {
    p.ops.linear_backward_input(dy, p.matrix(weight_), dx);
  }
  /// dpre = (dy W) gelu'(pre), where x = gelu(pre) went in, and x again.
  void backward_input_gelu(Pass& p, Tensor dy, Tensor pre, Tensor dpre, Tensor x) const {
    p.ops.linear_backward_input_gelu(dy, p.matrix(weight_), pre, dpre, x);
  }

 private:
  Param weight_, bias_;
};

}  // namespace ijepa
