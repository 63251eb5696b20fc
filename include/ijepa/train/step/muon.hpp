// Muon: the matrices of blocks move by their momentum made orthogonal, whatever lies between them
// by AdamW. (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; rate
// and decay as Liu et al., arXiv 2502.16982, have them.)
#pragma once
#include <vector>

#include "ijepa/core/arena.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

class Muon {
 public:
  /// `momentum` mu of the matrices' gradients. What learns otherwise is as before.
  Muon(const ParamStore& store, double momentum);

  /// One step over all parameters. Of a matrix W (R, C) with gradient G, times step.gradient_scale:
  ///   M = mu M + (1 - mu) G;   U = mu M + (1 - mu) G;   O = orthogonal(U)
  ///   W = (1 - rate decay) W - rate 0.2 sqrt(max(R, C)) O
  /// so that elements move as far as AdamW's, then EMA and working copies. M is Role::adam_m;
  /// Role::adam_v of these stays as it is. The same numbers on every rank.
  void update(Ops& ops, Arena& arena, const AdamWStep& step) const;

  /// What update() takes of an arena.
  static std::size_t bytes(const ParamLayout& layout, const Precision& precision);

 private:
  const ParamStore& store_;
  double momentum_;
  std::vector<Param> matrices_;
  std::vector<ParamRange> others_;  // between them, each in one of the store's parts()
};

/// The weight matrices of all blocks, in the order in which they lie.
std::vector<Param> block_matrices(const ParamLayout& layout);

/// x (R, C) compute type, of Euclidean norm 1 at most, towards the nearest matrix whose singular
/// values are all 1: five steps x = a x + (b A + c A A) x, A = x x^T, with (a, b, c) = (3.4445,
/// -4.7750, 2.0315) (Jordan et al.), which leave them between 0.68 and 1.14 where they were above
/// 0.01. `param` is the type of products' sums.
void make_orthogonal(Ops& ops, Arena& arena, Tensor x_inout, DType param);

}  // namespace ijepa
