#include "ijepa/train/step/muon.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "ijepa/device/null_ops.hpp"
#include "ijepa/device/parameter_chunk.hpp"

namespace ijepa {
namespace {

ParamRange range_of(const Param& p) {
  return {p.offset, padded_to_chunk(p.offset + p.rows * p.cols)};
}

Tensor as_matrix(Tensor flat, const Param& p) {
  return make_tensor(flat.data, flat.dtype, {p.rows, p.cols});
}

/// (1 - mu) G + mu M into `u`, and M moved on.
void add_momentum(Ops& ops, const OptimizerRange& r, double scale, double mu, Tensor u) {
  ops.scaled_sum((1 - mu) * scale, r.gradient, {}, mu, r.m);
  ops.scaled_sum((1 - mu) * scale, r.gradient, {}, 0, u);
  ops.scaled_sum(mu, r.m, {}, 1, u);
}

/// The matrix's momentum, orthogonal.
Tensor direction(Ops& ops, Arena& arena, const OptimizerRange& r, const Param& p,
                 const Precision& precision, double scale, double mu) {
  const Tensor u = arena.scratch(precision.param, {r.weight.numel()});
  const Tensor squares = arena.scratch(precision.statistics(), {1});
  const Tensor x = arena.scratch(precision.compute, {r.weight.numel()});
  add_momentum(ops, r, scale, mu, u);
  ops.fill_zero(squares);
  ops.sum_squares(u, squares);
  ops.scaled_sum(1, u, squares, 0, x);
  make_orthogonal(ops, arena, as_matrix(x, p), precision.param);
  return x;
}

void move_weights(Ops& ops, const OptimizerRange& r, Tensor x, double rate, const AdamWStep& step) {
  ops.scaled_sum(-rate, x, {}, 1 - step.learning_rate * step.weight_decay, r.weight);
  if (!r.working.empty()) ops.copy(r.weight, r.working);
  if (r.target.empty()) return;
  ops.scaled_sum(1 - step.ema_momentum, r.weight, {}, step.ema_momentum, r.target);
  if (!r.target_working.empty()) ops.copy(r.target, r.target_working);
}

}  // namespace

std::vector<Param> block_matrices(const ParamLayout& layout) {
  std::vector<Param> matrices;
  for (const ParamInfo& info : layout.infos()) {
    const bool of_block = std::string_view(info.name).find("blocks.") != std::string_view::npos;
    if (of_block && info.shape.size() == 2)
      matrices.push_back({info.offset, info.shape[0], info.shape[1]});
  }
  return matrices;
}

void make_orthogonal(Ops& ops, Arena& arena, Tensor x, DType param) {
  constexpr int iterations = 5;
  constexpr double a = 3.4445, b = -4.7750, c = 2.0315;
  const auto rows = x.rows(), cols = x.cols(), side = std::min(rows, cols);
  const bool wide = rows <= cols;
  Arena::ScratchScope scope(arena);
  const Tensor gram = arena.scratch(x.dtype, {side, side});
  const Tensor polynomial = arena.scratch(x.dtype, {side, side});
  const Tensor product = arena.scratch(x.dtype, {rows, cols});
  const Tensor sums = arena.scratch(param, {side, side});
  for (int i = 0; i < iterations; ++i) {
    // The smaller of x x^T and x^T x, which has the same polynomial on the other side of x.
    if (wide) {
      ops.linear_forward(x, x, {}, gram);
    } else {
      ops.linear_backward_params(x, x, sums, {}, Write::overwrite);
      ops.copy(sums, gram);
    }
    ops.linear_forward(gram, gram, {}, polynomial);  // symmetric
    ops.scaled_sum(b, gram, {}, c, polynomial);
    if (wide)
      ops.linear_backward_input(polynomial, x, product);
    else
      ops.linear_forward(x, polynomial, {}, product);
    ops.scaled_sum(1, product, {}, a, x);
  }
}

Muon::Muon(const ParamStore& store, double momentum)
    : store_(store), momentum_(momentum), matrices_(block_matrices(store.layout())) {
  for (const ParamRange& part : store.parts()) {
    auto begin = part.begin;
    for (const Param& p : matrices_) {
      const ParamRange taken = range_of(p);
      if (taken.begin < part.begin || taken.begin >= part.end) continue;
      if (taken.begin > begin) others_.push_back({begin, taken.begin});
      begin = taken.end;
    }
    if (begin < part.end) others_.push_back({begin, part.end});
  }
}

void Muon::update(Ops& ops, Arena& arena, const AdamWStep& step) const {
  constexpr double rms_of_adamw = 0.2;
  for (const ParamRange& range : others_) ops.adamw_ema(store_.optimizer_range(range), step);
  for (const Param& p : matrices_) {
    Arena::ScratchScope scope(arena);
    const OptimizerRange r = store_.optimizer_range(range_of(p));
    const Tensor x =
        direction(ops, arena, r, p, store_.precision(), step.gradient_scale, momentum_);
    const double rate = step.learning_rate * rms_of_adamw *
                        std::sqrt(static_cast<double>(std::max(p.rows, p.cols)));
    move_weights(ops, r, x, rate, step);
  }
}

std::size_t Muon::bytes(const ParamLayout& layout, const Precision& precision) {
  NullOps nothing;
  std::size_t most = 0;
  for (const Param& p : block_matrices(layout)) {
    Arena arena = Arena::measuring();
    OptimizerRange r;
    r.weight = make_tensor(nullptr, precision.param, {range_of(p).size()});
    direction(nothing, arena, r, p, precision, 1, 0);
    most = std::max(most, arena.peak());
  }
  return most;
}

}  // namespace ijepa
