// AdamW, EMA and bfloat16 copies in one pass over the flat buffers.
#include "../cpu/checks.hpp"
#include "cuda_ops.hpp"
#include "dispatch.hpp"
#include "ijepa/core/adamw.hpp"

namespace ijepa::cuda {
namespace {

/// target, working and target_working may be null.
struct Update {
  float *weight, *m, *v;
  const float* gradient;
  float* target;
  BFloat16 *working, *target_working;
  const float* decay;
  AdamWFactors<float> factors;

  template <int W>
  __device__ void at(std::int64_t i) const {
    auto ws = load<W>(weight + i), ms = load<W>(m + i), vs = load<W>(v + i);
    const auto gs = load<W>(gradient + i);
    const float decays = decay[i / parameter_chunk];
#pragma unroll
    for (int j = 0; j < W; ++j)
      adamw(ws[j], ms[j], vs[j], gs[j], decays, factors, [](float x) { return std::sqrt(x); });
    store<W>(weight + i, ws);
    store<W>(m + i, ms);
    store<W>(v + i, vs);
    if (working != nullptr) store<W>(working + i, ws);
    if (target == nullptr) return;
    auto ts = load<W>(target + i);
#pragma unroll
    for (int j = 0; j < W; ++j) ema(ts[j], ws[j], factors);
    store<W>(target + i, ts);
    if (target_working != nullptr) store<W>(target_working + i, ts);
  }
};

}  // namespace

void CudaOps::adamw_ema(const OptimizerRange& range, const AdamWStep& step) {
  using cpu::expect_vector;
  constexpr auto op = "adamw_ema";
  const auto n = range.weight.numel();
  check(n % parameter_chunk == 0, "{}: a range of {} elements is no multiple of {}.", op, n,
        parameter_chunk);
  cpu::expect_type(op, "weight", range.weight, DType::f32);
  expect_vector(op, "m", range.m, DType::f32, n);
  expect_vector(op, "v", range.v, DType::f32, n);
  expect_vector(op, "gradient", range.gradient, DType::f32, n);
  expect_vector(op, "decay", range.decay, DType::f32, n / parameter_chunk);
  if (!range.target.empty()) expect_vector(op, "target", range.target, DType::f32, n);
  if (!range.working.empty()) expect_vector(op, "working", range.working, DType::bf16, n);
  if (!range.target_working.empty()) {
    check(!range.target.empty(), "{}: a working copy of the target needs the target.", op);
    expect_vector(op, "target_working", range.target_working, DType::bf16, n);
  }
  run_elements(stream_, n,
               Update{range.weight.as<float>(), range.m.as<float>(), range.v.as<float>(),
                      range.gradient.as<float>(), optional<float>(range.target),
                      optional<BFloat16>(range.working), optional<BFloat16>(range.target_working),
                      range.decay.as<float>(), AdamWFactors<float>(step)},
               range.weight, range.m, range.v, range.gradient, range.target, range.working,
               range.target_working);
}

}  // namespace ijepa::cuda
