// The table of operation cases: which operands, which shapes, how the operation is called. It
// drives parity with ReferenceOps on every device and type, and determinism.
#pragma once
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/op_operands.hpp"

namespace ijepa::test {

namespace table {

using Tensors = std::vector<Tensor>;
using Shape = std::vector<std::int64_t>;

inline Operand in(Kind kind, Shape shape) {
  return {kind, Role::input, std::move(shape)};
}
inline Operand out(Kind kind, Shape shape) {
  return {kind, Role::output, std::move(shape)};
}
inline Operand inout(Kind kind, Shape shape) {
  return {kind, Role::inout, std::move(shape)};
}
inline Operand positive(Operand x) {
  x.low = 0.01;
  return x;
}
inline Operand rows_of(std::vector<std::int32_t> indices) {
  Operand x{Kind::index, Role::input, {static_cast<std::int64_t>(indices.size())}};
  x.indices = std::move(indices);
  return x;
}
/// `count` indices below `range` that jump about; distinct where count <= range.
inline Operand some_rows(std::int64_t count, std::int64_t range) {
  std::vector<std::int32_t> indices;
  for (std::int64_t i = 0; i < count; ++i)
    indices.push_back(static_cast<std::int32_t>((count - 1 - i) % range));
  return rows_of(std::move(indices));
}

constexpr auto compute = Kind::compute, residual = Kind::residual, parameter = Kind::parameter;

inline void add_linear(std::int64_t m, std::int64_t k, std::int64_t n, std::vector<OpCase>& cases) {
  const auto size = fmt::format("{}x{}x{}", m, k, n);
  const Operand x = in(compute, {m, k}), w = in(compute, {n, k}), b = in(Kind::bias, {n});
  const Operand y = out(compute, {m, n}), dy = in(compute, {m, n});
  const double tolerance = 1 + static_cast<double>(std::max({m, n, k})) / 256;
  const auto add = [&](const char* name, std::vector<Operand> operands,
                       std::function<void(Ops&, const Tensors&)> run) {
    cases.push_back(
        {fmt::format("{}_{}", name, size), std::move(operands), std::move(run), tolerance});
  };
  add("linear_forward", {x, w, b, y},
      [](Ops& o, const Tensors& t) { o.linear_forward(t[0], t[1], t[2], t[3]); });
  add("linear_forward_no_bias", {x, w, y},
      [](Ops& o, const Tensors& t) { o.linear_forward(t[0], t[1], {}, t[2]); });
  add("linear_gelu_forward", {x, w, b, y, y},
      [](Ops& o, const Tensors& t) { o.linear_gelu_forward(t[0], t[1], t[2], t[3], t[4]); });
  add("linear_gelu_forward_alone", {x, w, b, y},
      [](Ops& o, const Tensors& t) { o.linear_gelu_forward(t[0], t[1], t[2], {}, t[3]); });
  add("linear_backward_input", {dy, w, out(compute, {m, k})},
      [](Ops& o, const Tensors& t) { o.linear_backward_input(t[0], t[1], t[2]); });
  const Operand dx = out(compute, {m, k});
  add("linear_backward_input_gelu", {dy, w, in(compute, {m, k}), dx, dx},
      [](Ops& o, const Tensors& t) { o.linear_backward_input_gelu(t[0], t[1], t[2], t[3], t[4]); });
  add("linear_backward_params", {dy, x, out(parameter, {n, k}), out(parameter, {n})},
      [](Ops& o, const Tensors& t) {
        o.linear_backward_params(t[0], t[1], t[2], t[3], Write::overwrite);
      });
  add("linear_backward_params_accumulate", {dy, x, inout(parameter, {n, k}), inout(parameter, {n})},
      [](Ops& o, const Tensors& t) {
        o.linear_backward_params(t[0], t[1], t[2], t[3], Write::accumulate);
      });
  add("linear_backward_params_no_bias", {dy, x, out(parameter, {n, k})},
      [](Ops& o, const Tensors& t) {
        o.linear_backward_params(t[0], t[1], t[2], {}, Write::overwrite);
      });
}

inline void add_layer_norm(std::int64_t m, std::int64_t d, std::vector<OpCase>& cases) {
  const auto size = fmt::format("{}x{}", m, d);
  const Operand x = in(residual, {m, d}), w = in(parameter, {d}), b = in(parameter, {d});
  const Operand statistic = out(parameter, {m});
  cases.push_back({"layer_norm_forward_" + size,
                   {x, w, b, out(compute, {m, d}), statistic, statistic},
                   [](Ops& o, const Tensors& t) {
                     o.layer_norm_forward({.sum = t[0]}, t[1], t[2], 1e-6, t[3], t[4], t[5]);
                   },
                   4});
  cases.push_back({"layer_norm_forward_plain_" + size,
                   {x, out(residual, {m, d}), statistic, statistic},
                   [](Ops& o, const Tensors& t) {
                     o.layer_norm_forward({.sum = t[0]}, {}, {}, 1e-5, t[1], t[2], t[3]);
                   },
                   4});
  for (const auto mode : {Write::overwrite, Write::accumulate}) {
    const bool fresh = mode == Write::overwrite;
    const Operand dw = fresh ? out(parameter, {d}) : inout(parameter, {d});
    cases.push_back({fmt::format("layer_norm_backward{}_{}", fresh ? "" : "_accumulate", size),
                     {in(compute, {m, d}), x, w, out(residual, {m, d}), statistic, statistic,
                      inout(residual, {m, d}), dw, dw},
                     [mode](Ops& o, const Tensors& t) {
                       o.layer_norm_forward({.sum = t[1]}, {}, {}, 1e-6, t[3], t[4], t[5]);
                       o.layer_norm_backward(t[0], t[1], t[2], t[4], t[5], {.dsum_accum = t[6]},
                                             t[7], t[8], mode);
                     },
                     8});
  }
}

/// The addition of a branch and the norm of the sum in one operation, with drop path or without.
inline void add_branch_norm(std::int64_t m, std::int64_t d, std::vector<OpCase>& cases) {
  const Operand branch = in(compute, {m, d}), w = in(parameter, {d}), b = in(parameter, {d});
  const Operand sum = out(residual, {m, d}), statistic = out(parameter, {m});
  const Operand scale = in(parameter, {3}), sequence = some_rows(m, 3);
  const Operand dw = out(parameter, {d}), dsum = inout(residual, {m, d});
  for (const bool scaled : {false, true}) {
    const auto name = [&](const char* op) {
      return fmt::format("{}{}_{}x{}", op, scaled ? "_scaled" : "", m, d);
    };
    const auto scale_of = [scaled](Tensor t) { return scaled ? t : Tensor{}; };
    cases.push_back({name("layer_norm_forward_sum"),
                     {in(residual, {m, d}), branch, scale, sequence, sum, w, b,
                      out(compute, {m, d}), statistic, statistic},
                     [=](Ops& o, const Tensors& t) {
                       o.layer_norm_forward({t[0], t[1], scale_of(t[2]), t[3], t[4]}, t[5], t[6],
                                            1e-6, t[7], t[8], t[9]);
                     },
                     4});
    const auto backward = [=](Ops& o, const Tensors& t, Tensor dbranch) {
      o.layer_norm_forward({.sum = t[1]}, {}, {}, 1e-6, t[3], t[4], t[5]);
      o.layer_norm_backward(t[0], t[1], t[2], t[4], t[5], {t[6], scale_of(t[9]), t[10], dbranch},
                            t[7], t[8], Write::overwrite);
    };
    const std::vector<Operand> operands{in(compute, {m, d}),
                                        in(residual, {m, d}),
                                        w,
                                        sum,
                                        statistic,
                                        statistic,
                                        dsum,
                                        dw,
                                        dw,
                                        scale,
                                        sequence,
                                        out(compute, {m, d})};
    cases.push_back({name("layer_norm_backward_sum"), operands,
                     [=](Ops& o, const Tensors& t) { backward(o, t, t[11]); }, 8});
    if (scaled) continue;
    cases.push_back({name("layer_norm_backward_sum_alone"),
                     {operands.begin(), operands.end() - 1},
                     [=](Ops& o, const Tensors& t) { backward(o, t, {}); },
                     8});
  }
}

inline void add_attention(std::vector<SequenceGroup> groups, std::int64_t heads, std::int64_t dim,
                          std::vector<OpCase>& cases) {
  std::int64_t rows = 0;
  std::string size = fmt::format("{}x{}", heads, dim);
  for (const auto& g : groups) {
    rows += g.count * g.length;
    size += fmt::format("_{}of{}", g.count, g.length);
  }
  const auto d = heads * dim;
  const Operand qkv = in(compute, {rows, 3 * d});
  cases.push_back(
      {"attention_forward_" + size,
       {qkv, out(compute, {rows, d}), out(parameter, {rows, heads})},
       [=](Ops& o, const Tensors& t) { o.attention_forward({t[0]}, heads, groups, t[1], t[2]); },
       4});
  cases.push_back({"attention_backward_" + size,
                   {in(compute, {rows, d}), qkv, out(compute, {rows, d}),
                    out(parameter, {rows, heads}), out(compute, {rows, 3 * d})},
                   [=](Ops& o, const Tensors& t) {
                     o.attention_forward({t[1]}, heads, groups, t[2], t[3]);
                     o.attention_backward(t[0], {t[1]}, t[2], t[3], heads, groups, {t[4]});
                   },
                   8});
}

/// Attention in which only some rows of each sequence ask.
inline void add_asking_attention(std::vector<SequenceGroup> groups, std::int64_t heads,
                                 std::int64_t dim, std::vector<OpCase>& cases) {
  std::int64_t rows = 0, asking = 0;
  std::string size = fmt::format("{}x{}", heads, dim);
  for (const auto& g : groups) {
    rows += g.count * g.length;
    asking += g.count * g.asking;
    size += fmt::format("_{}of{}by{}", g.count, g.length, g.asking);
  }
  const auto d = heads * dim;
  const Operand q = in(compute, {asking, d}), kv = in(compute, {rows, 2 * d});
  const Operand result = out(compute, {asking, d}), lse = out(parameter, {asking, heads});
  cases.push_back({"attention_forward_asking_" + size,
                   {q, kv, result, lse},
                   [=](Ops& o, const Tensors& t) {
                     o.attention_forward({{}, t[0], t[1]}, heads, groups, t[2], t[3]);
                   },
                   4});
  cases.push_back({"attention_backward_asking_" + size,
                   {in(compute, {asking, d}), q, kv, result, lse, out(compute, {asking, d}),
                    out(compute, {rows, 2 * d})},
                   [=](Ops& o, const Tensors& t) {
                     const AttentionRows x{{}, t[1], t[2]};
                     o.attention_forward(x, heads, groups, t[3], t[4]);
                     o.attention_backward(t[0], x, t[3], t[4], heads, groups, {{}, t[5], t[6]});
                   },
                   8});
}

inline void add_elementwise(std::int64_t m, std::int64_t d, std::vector<OpCase>& cases) {
  const auto size = fmt::format("{}x{}", m, d);
  const Operand a = in(residual, {m, d}), b = in(compute, {m, d});
  Operand wide = b;
  wide.low = -9;
  wide.high = 9;
  const auto add = [&](const char* name, std::vector<Operand> operands,
                       std::function<void(Ops&, const Tensors&)> run, double tolerance = 2) {
    cases.push_back(
        {fmt::format("{}_{}", name, size), std::move(operands), std::move(run), tolerance});
  };
  add("fill_zero", {inout(compute, {m, d})}, [](Ops& o, const Tensors& t) { o.fill_zero(t[0]); });
  add("copy_down", {a, out(compute, {m, d})}, [](Ops& o, const Tensors& t) { o.copy(t[0], t[1]); });
  add("copy_up", {b, out(residual, {m, d})}, [](Ops& o, const Tensors& t) { o.copy(t[0], t[1]); });
  add("gelu_forward", {wide, out(compute, {m, d})},
      [](Ops& o, const Tensors& t) { o.gelu_forward(t[0], t[1]); });
  add("gelu_backward", {wide, inout(compute, {m, d})},
      [](Ops& o, const Tensors& t) { o.gelu_backward(t[0], t[1]); });
  add("add", {a, b, out(residual, {m, d})},
      [](Ops& o, const Tensors& t) { o.add(t[0], t[1], t[2]); });
  add("add_in_place", {inout(residual, {m, d}), b},
      [](Ops& o, const Tensors& t) { o.add(t[0], t[1], t[0]); });
  const Operand scale = in(parameter, {3}), sequence = some_rows(m, 3);
  add("add_scaled_rows", {a, b, scale, sequence, out(residual, {m, d})},
      [](Ops& o, const Tensors& t) { o.add_scaled_rows(t[0], t[1], t[2], t[3], t[4]); });
  add("add_scaled_rows_in_place", {inout(residual, {m, d}), b, scale, sequence},
      [](Ops& o, const Tensors& t) { o.add_scaled_rows(t[0], t[1], t[2], t[3], t[0]); });
  add("add_scaled_rows_alone", {b, scale, sequence, out(compute, {m, d})},
      [](Ops& o, const Tensors& t) { o.add_scaled_rows({}, t[0], t[1], t[2], t[3]); });
  const Operand features = in(residual, {m / 2 + 1, d}), rows = some_rows(m, m / 2 + 1);
  add(
      "smooth_l1", {b, features, rows, inout(parameter, {1}), out(compute, {m, d})},
      [](Ops& o, const Tensors& t) {
        o.smooth_l1(t[0], {t[1], t[2], 1e-5}, 0.37, t[3], t[4]);
      },
      4);
  add(
      "smooth_l1_centred",
      {b, features, rows, in(parameter, {3, d}), in(parameter, {d}), inout(parameter, {1}),
       out(compute, {m, d})},
      [](Ops& o, const Tensors& t) {
        o.smooth_l1(t[0], {t[1], t[2], 1e-5, t[3], t[4]}, 0.37, t[5], t[6]);
      },
      4);
  add(
      "sum_squares", {b, inout(parameter, {1})},
      [](Ops& o, const Tensors& t) { o.sum_squares(t[0], t[1]); }, 4);
  add("scaled_sum", {b, inout(parameter, {m, d})},
      [](Ops& o, const Tensors& t) { o.scaled_sum(-0.7, t[0], {}, 1.3, t[1]); });
  add("scaled_sum_rounded", {in(parameter, {m, d}), inout(compute, {m, d})},
      [](Ops& o, const Tensors& t) { o.scaled_sum(-0.7, t[0], {}, 1.3, t[1]); });
  add("scaled_sum_normed", {b, positive(in(parameter, {1})), out(compute, {m, d})},
      [](Ops& o, const Tensors& t) { o.scaled_sum(-0.7, t[0], t[1], 0, t[2]); });
}

inline void add_patches(std::int64_t images, PatchGrid grid, std::int64_t channels,
                        std::vector<OpCase>& cases) {
  const auto height = grid.rows * grid.patch, width = grid.cols * grid.patch;
  const auto cols = channels * grid.patch * grid.patch, all = images * grid.tokens();
  const auto some = std::max<std::int64_t>(1, all / 2);
  const auto size = fmt::format("{}of{}x{}x{}{}", images, grid.rows, grid.cols, grid.patch,
                                channels == 3 ? "" : fmt::format("_channels{}", channels));
  const bool bytes = channels == 3;
  const Operand whole{bytes ? Kind::byte : Kind::sample,
                      Role::input,
                      {images, height, width, channels},
                      {},
                      0,
                      bytes ? 255.0 : 65535.0};
  const Operand floats = in(residual, {images, channels, height, width});
  Normalisation normalisation;
  if (!bytes) {
    normalisation.mean.assign(static_cast<std::size_t>(channels), 0.4);
    normalisation.std.assign(static_cast<std::size_t>(channels), 0.2);
    for (std::size_t c = 0; c < normalisation.mean.size(); ++c)
      normalisation.mean[c] += 0.001 * static_cast<double>(c);
  }
  for (const bool from_whole : {true, false}) {
    const auto& source = from_whole ? whole : floats;
    const char* kind = from_whole ? bytes ? "bytes" : "samples" : "floats";
    cases.push_back(
        {fmt::format("gather_patches_all_{}_{}", kind, size),
         {source, out(compute, {all, cols})},
         [=](Ops& o, const Tensors& t) { o.gather_patches(t[0], grid, normalisation, {}, t[1]); }});
    cases.push_back({fmt::format("gather_patches_some_{}_{}", kind, size),
                     {source, some_rows(some, all), out(compute, {some, cols})},
                     [=](Ops& o, const Tensors& t) {
                       o.gather_patches(t[0], grid, normalisation, t[1], t[2]);
                     }});
  }
}

inline void add_tokens(std::int64_t m, std::int64_t d, std::vector<OpCase>& cases) {
  const auto size = fmt::format("{}x{}", m, d);
  const auto some = std::max<std::int64_t>(1, m / 2);
  const Operand x = in(residual, {m, d}), picked = some_rows(some, m);
  const auto add = [&](const char* name, std::vector<Operand> operands,
                       std::function<void(Ops&, const Tensors&)> run, double tolerance = 2) {
    cases.push_back(
        {fmt::format("{}_{}", name, size), std::move(operands), std::move(run), tolerance});
  };
  add("add_table_rows", {inout(residual, {m, d}), in(Kind::single, {some, d})},
      [](Ops& o, const Tensors& t) { o.add_table_rows(t[0], t[1], {}); });
  add("add_table_rows_indexed",
      {inout(compute, {some, d}), in(Kind::single, {3, d}), some_rows(some, m)},
      [](Ops& o, const Tensors& t) { o.add_table_rows(t[0], t[1], t[2]); });
  add("gather_rows", {x, picked, out(compute, {some, d})},
      [](Ops& o, const Tensors& t) { o.gather_rows(t[0], t[1], t[2]); });
  add("scatter_rows", {in(compute, {some, d}), picked, inout(residual, {m, d})},
      [](Ops& o, const Tensors& t) { o.scatter_rows(t[0], t[1], t[2]); });
  add("scatter_add_rows", {in(compute, {some, d}), picked, inout(residual, {m, d})},
      [](Ops& o, const Tensors& t) { o.scatter_add_rows(t[0], t[1], t[2]); });
  add(
      "gather_sum_rows", {x, some_rows(3 * some, m), out(residual, {some, d})},
      [](Ops& o, const Tensors& t) { o.gather_sum_rows(t[0], t[1], {}, t[2]); }, 4);
  // No use, one, two, ... of the rows in turn, and what is left over for the last.
  std::vector<std::int32_t> begin{0};
  for (std::int64_t i = 1; i < some; ++i)
    begin.push_back(static_cast<std::int32_t>(std::min(3 * some, begin.back() + (i - 1) % 5)));
  begin.push_back(static_cast<std::int32_t>(3 * some));
  add(
      "gather_sum_rows_of_many_counts",
      {x, some_rows(3 * some, m), rows_of(begin), out(residual, {some, d})},
      [](Ops& o, const Tensors& t) { o.gather_sum_rows(t[0], t[1], t[2], t[3]); }, 8);
  auto mixed = some_rows(m, m);
  for (std::size_t i = 0; i < mixed.indices.size(); i += 2)
    mixed.indices[i] = -1 - static_cast<std::int32_t>(i % 3);
  add("gather_rows_or_token",
      {x, in(parameter, {d}), in(parameter, {3, d}), mixed, out(residual, {m, d})},
      [](Ops& o, const Tensors& t) { o.gather_rows_or_token(t[0], t[1], t[2], t[3], t[4]); });
  add(
      "sum_rows", {x, out(parameter, {d})},
      [](Ops& o, const Tensors& t) { o.sum_rows(t[0], {}, t[1], Write::overwrite); }, 8);
  add(
      "sum_rows_indexed", {x, picked, inout(parameter, {d})},
      [](Ops& o, const Tensors& t) { o.sum_rows(t[0], t[1], t[2], Write::accumulate); }, 8);
}

inline AdamWStep third_step() {
  AdamWStep step;
  step.learning_rate = 1e-2;
  step.weight_decay = 0.3;
  step.bias1 = 1 - std::pow(step.beta1, 3);
  step.bias2 = 1 - std::pow(step.beta2, 3);
  step.ema_momentum = 0.99;
  return step;
}

inline OpCase adamw_case(const std::string& name, std::int64_t chunks, const AdamWStep& step) {
  const auto n = chunks * parameter_chunk;
  const Operand state = inout(parameter, {n});
  const Operand decay{Kind::single, Role::input, {chunks}, {}, 0, 1};
  return {fmt::format("{}_{}", name, chunks),
          {state, state, positive(state), in(parameter, {n}), state, out(Kind::working, {n}),
           out(Kind::working, {n}), decay},
          [=](Ops& o, const Tensors& t) {
            o.adamw_ema({t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]}, step);
          },
          4};
}

inline void add_adamw(std::int64_t chunks, std::vector<OpCase>& cases) {
  const auto n = chunks * parameter_chunk;
  const Operand state = inout(parameter, {n});
  const Operand decay{Kind::single, Role::input, {chunks}, {}, 0, 1};
  cases.push_back({fmt::format("adamw_ema_alone_{}", chunks),
                   {state, state, positive(state), in(parameter, {n}), decay},
                   [step = third_step()](Ops& o, const Tensors& t) {
                     o.adamw_ema({t[0], t[1], t[2], t[3], {}, {}, {}, t[4]}, step);
                   },
                   4});
  cases.push_back(adamw_case("adamw_ema", chunks, third_step()));
}

/// The same with each parameter of the formula changed by itself.
inline std::vector<OpCase> changed_adamw_steps() {
  struct Change {
    const char* name;
    double AdamWStep::*member;
    double value;
  };
  const Change changes[] = {{"learning_rate", &AdamWStep::learning_rate, 0.1},
                            {"weight_decay", &AdamWStep::weight_decay, 0.9},
                            {"beta1", &AdamWStep::beta1, 0.6},
                            {"beta2", &AdamWStep::beta2, 0.9},
                            {"epsilon", &AdamWStep::epsilon, 0.5},
                            {"bias1", &AdamWStep::bias1, 0.7},
                            {"bias2", &AdamWStep::bias2, 0.2},
                            {"ema_momentum", &AdamWStep::ema_momentum, 0.5},
                            {"gradient_scale", &AdamWStep::gradient_scale, 0.3}};
  static_assert(sizeof changes / sizeof *changes * sizeof(double) == sizeof(AdamWStep),
                "every parameter of the formula has its case");
  std::vector<OpCase> cases;
  for (const auto& change : changes) {
    AdamWStep step = third_step();
    step.*change.member = change.value;
    cases.push_back(adamw_case(fmt::format("adamw_ema_{}", change.name), 1, step));
  }
  return cases;
}

}  // namespace table

/// Every operation, odd sizes (1, 7, 33) first, then sizes of real models.
inline std::vector<OpCase> op_cases() {
  using namespace table;
  std::vector<OpCase> cases;
  add_linear(1, 1, 1, cases);
  add_linear(7, 33, 5, cases);
  add_linear(33, 7, 65, cases);
  add_linear(130, 96, 192, cases);
  add_linear(1030, 9, 17, cases);   // more tokens than one slab of a weight gradient
  add_linear(13, 1030, 17, cases);  // a sum longer than one packed block
  add_linear(20, 520, 400, cases);  // weights that do not stay in the second-level cache
  add_layer_norm(1, 7, cases);
  add_layer_norm(7, 33, cases);
  add_layer_norm(33, 7, cases);
  add_layer_norm(150, 192, cases);
  add_branch_norm(5, 7, cases);  // the mean of a single row can be all rounding
  add_branch_norm(33, 7, cases);
  add_branch_norm(150, 192, cases);
  add_attention({{1, 1}}, 1, 1, cases);
  add_attention({{2, 7}}, 3, 5, cases);
  add_attention({{1, 33}, {2, 5}, {1, 1}}, 2, 24, cases);
  add_attention({{2, 65}}, 1, 64, cases);
  add_attention({{1, 50}}, 1, 80, cases);
  add_attention({{1, 129}}, 1, 88, cases);
  add_attention({{1, 30}}, 2, 128, cases);
  add_attention({{3, 9}, {2, 22}}, 3, 16, cases);
  add_attention({{2, 33}, {1, 64}}, 2, 32, cases);
  add_attention({{1, 300}, {1, 200}}, 1, 16, cases);
  add_asking_attention({{1, 7, 1}}, 1, 5, cases);
  add_asking_attention({{1, 33, 20}, {2, 5, 5}, {3, 4, 2}}, 2, 24, cases);
  add_asking_attention({{2, 40, 37}}, 1, 64, cases);
  add_asking_attention({{1, 129, 66}}, 1, 88, cases);
  add_asking_attention({{2, 30, 17}}, 2, 128, cases);
  add_asking_attention({{3, 37, 12}}, 3, 16, cases);
  add_asking_attention({{1, 300, 140}}, 1, 16, cases);
  add_elementwise(1, 1, cases);
  add_elementwise(7, 33, cases);
  add_elementwise(100, 192, cases);
  add_patches(1, {1, 1, 1}, 3, cases);
  add_patches(3, {2, 5, 7}, 3, cases);
  add_patches(2, {8, 8, 4}, 3, cases);
  add_patches(2, {3, 2, 4}, 1, cases);
  add_patches(3, {2, 5, 7}, 5, cases);
  add_patches(1, {2, 2, 2}, 256, cases);
  add_tokens(1, 1, cases);
  add_tokens(7, 33, cases);
  add_tokens(150, 192, cases);
  add_adamw(1, cases);
  add_adamw(33, cases);
  for (auto& c : changed_adamw_steps()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace ijepa::test
