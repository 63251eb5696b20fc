// Attention of packed sequences: threads take heads of sequences; attention_kernel.hpp has the
// maths.
#include "attention_rows.hpp"
#include "cpu_ops.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

std::int64_t sequences_of(Groups groups) {
  std::int64_t n = 0;
  for (const auto& g : groups) n += g.count;
  return n;
}

std::int64_t longest_of(Groups groups) {
  std::int64_t n = 0;
  for (const auto& g : groups) n = std::max(n, g.length);
  return n;
}

Head head_of(Groups groups, std::int64_t heads, std::int64_t width, std::int64_t item) {
  auto sequence = item / heads;
  std::int64_t row = 0, query = 0;
  for (const auto& g : groups) {
    if (sequence < g.count)
      return {row + sequence * g.length,
              g.length,
              query + sequence * g.queries(),
              g.queries(),
              item % heads * (width / heads),
              width / heads,
              width,
              heads};
    sequence -= g.count;
    row += g.count * g.length;
    query += g.count * g.queries();
  }
  return {};
}

}  // namespace

/// Calls f(head, workspace of the caller's own) for every head of every sequence, on the threads.
template <class F>
void CpuOps::for_each_head(DType type, std::int64_t heads, std::int64_t width, Groups groups,
                           F&& f) {
  const auto space = aligned(kernels_.attention_bytes(type, longest_of(groups), width / heads));
  auto* workspace = scratch<std::byte>(0, space * threads_);
  parallel_pieces(threads_, sequences_of(groups) * heads, 1,
                  [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
                    for (auto item = begin; item < end; ++item)
                      f(head_of(groups, heads, width, item), workspace + space * piece);
                  });
}

void CpuOps::attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups,
                               Tensor out, Tensor lse) {
  check_attention("attention_forward", x, heads, groups, out, lse);
  const auto parts = parts_of(x);
  for_each_head(out.dtype, heads, out.cols(), groups, [&](const Head& head, void* workspace) {
    kernels_.attention_forward(out.dtype, head, parts, workspace, out.data, lse.data);
  });
}

void CpuOps::attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                                std::int64_t heads, Groups groups, const AttentionRows& dx) {
  constexpr auto op = "attention_backward";
  check_attention(op, x, heads, groups, out, lse);
  check_attention_gradients(op, dout, out, x, dx, groups);
  const auto parts = parts_of(x), gradients = parts_of(dx);
  for_each_head(out.dtype, heads, out.cols(), groups, [&](const Head& head, void* workspace) {
    kernels_.attention_backward(out.dtype, head, dout.data, parts, lse.data, workspace, gradients);
  });
}

}  // namespace ijepa::cpu
