// AdamW, EMA and bfloat16 copies in one pass over the flat buffers.
#include "checks.hpp"
#include "cpu_ops.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

template <class T>
AdamWRange<T> pointers_of(const OptimizerRange& r) {
  return {r.weight.as<T>(),
          r.m.as<T>(),
          r.v.as<T>(),
          r.gradient.as<T>(),
          optional<T>(r.target),
          optional<BFloat16>(r.working),
          optional<BFloat16>(r.target_working),
          r.decay.as<float>()};
}

}  // namespace

void CpuOps::adamw_ema(const OptimizerRange& range, const AdamWStep& step) {
  constexpr auto op = "adamw_ema";
  const auto n = range.weight.numel();
  check(n % parameter_chunk == 0, "{}: a range of {} elements is no multiple of {}.", op, n,
        parameter_chunk);
  const auto type = range.weight.dtype;
  check(type == DType::f32 || type == DType::f64, "{}: weights are {}, not float32 or float64.", op,
        name_of(type));
  expect_vector(op, "m", range.m, type, n);
  expect_vector(op, "v", range.v, type, n);
  expect_vector(op, "gradient", range.gradient, type, n);
  expect_vector(op, "decay", range.decay, DType::f32, n / parameter_chunk);
  if (!range.target.empty()) expect_vector(op, "target", range.target, type, n);
  if (!range.working.empty()) expect_vector(op, "working", range.working, DType::bf16, n);
  if (!range.target_working.empty()) {
    check(!range.target.empty(), "{}: a working copy of the target needs the target.", op);
    expect_vector(op, "target_working", range.target_working, DType::bf16, n);
  }
  parallel_for(threads_, n / parameter_chunk, 8, [&](std::int64_t begin, std::int64_t end) {
    const Range chunks{begin, end};
    type == DType::f64
        ? kernels_.adamw_ema(pointers_of<double>(range), AdamWFactors<double>(step), chunks)
        : kernels_.adamw_ema(pointers_of<float>(range), AdamWFactors<float>(step), chunks);
  });
}

}  // namespace ijepa::cpu
