// Attention of packed sequences: threads take heads of sequences; attention_kernel.hpp has the
// maths.
#include "checks.hpp"
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
  std::int64_t row = 0;
  for (const auto& g : groups) {
    if (sequence < g.count)
      return {row + sequence * g.length,
              g.length,
              item % heads * (width / heads),
              width / heads,
              width,
              heads};
    sequence -= g.count;
    row += g.count * g.length;
  }
  return {};
}

void check_attention(std::string_view op, const Tensor& qkv, std::int64_t heads, Groups groups,
                     const Tensor& out, const Tensor& lse) {
  std::int64_t rows = 0;
  for (const auto& g : groups) rows += g.count * g.length;
  expect_matrix(op, "qkv", qkv, rows, 3 * out.cols());
  expect_matrix(op, "out", out, rows, out.cols());
  expect_type(op, "out", out, qkv.dtype);
  expect_vector(op, "lse", lse, parameter_type(qkv.dtype), rows * heads);
  check(heads > 0 && out.cols() % heads == 0, "{}: a width of {} is no multiple of {} heads.", op,
        out.cols(), heads);
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

void CpuOps::attention_forward(Tensor qkv, std::int64_t heads, Groups groups, Tensor out,
                               Tensor lse) {
  check_attention("attention_forward", qkv, heads, groups, out, lse);
  for_each_head(qkv.dtype, heads, out.cols(), groups, [&](const Head& head, void* workspace) {
    kernels_.attention_forward(qkv.dtype, head, qkv.data, workspace, out.data, lse.data);
  });
}

void CpuOps::attention_backward(Tensor dout, Tensor qkv, Tensor out, Tensor lse, std::int64_t heads,
                                Groups groups, Tensor dqkv) {
  constexpr auto op = "attention_backward";
  check_attention(op, qkv, heads, groups, out, lse);
  expect_matrix(op, "dout", dout, out.rows(), out.cols());
  expect_type(op, "dout", dout, qkv.dtype);
  expect_matrix(op, "dqkv", dqkv, qkv.rows(), qkv.cols());
  expect_type(op, "dqkv", dqkv, qkv.dtype);
  for_each_head(qkv.dtype, heads, out.cols(), groups, [&](const Head& head, void* workspace) {
    kernels_.attention_backward(qkv.dtype, head, dout.data, qkv.data, out.data, lse.data, workspace,
                                dqkv.data);
  });
}

}  // namespace ijepa::cpu
