// What attention on every device shares: where queries, keys and values lie in packed rows, and the
// checks of its operands.
#pragma once
#include "checks.hpp"
#include "ijepa/device/ops.hpp"

namespace ijepa::cpu {

/// First rows of q, k and v in memory, and elements from one row to the next.
template <class T>
struct AttentionParts {
  T *q, *k, *v;
  std::int64_t q_stride, kv_stride;
};

inline AttentionParts<void> parts_of(const AttentionRows& x) {
  const auto at = [](const Tensor& t, std::int64_t column) -> void* {
    return static_cast<std::byte*>(t.data) + static_cast<std::size_t>(column) * size_of(t.dtype);
  };
  if (x.q.empty()) {
    const auto width = x.qkv.cols() / 3;
    return {at(x.qkv, 0), at(x.qkv, width), at(x.qkv, 2 * width), 3 * width, 3 * width};
  }
  const auto width = x.q.cols();
  return {at(x.q, 0), at(x.kv, 0), at(x.kv, width), width, 2 * width};
}

/// Rows of all sequences, and those of them that ask.
struct RowCounts {
  std::int64_t all = 0, asking = 0;
};

inline RowCounts count_rows(std::string_view op, const AttentionRows& x, Groups groups) {
  RowCounts rows;
  for (const auto& g : groups) {
    check((g.asking > 0) != x.q.empty(),
          "{}: sequences of which some rows ask need q and kv, others need qkv.", op);
    check(g.asking <= g.length, "{}: {} rows of a sequence of {} cannot ask.", op, g.asking,
          g.length);
    rows.all += g.count * g.length;
    rows.asking += g.count * g.queries();
  }
  return rows;
}

/// `d` before the names of gradients.
inline void expect_parts(std::string_view op, std::string_view d, const AttentionRows& x,
                         const RowCounts& rows, std::int64_t width, DType type) {
  const auto expect = [&](std::string_view name, const Tensor& t, std::int64_t count,
                          std::int64_t cols) {
    expect_matrix(op, fmt::format("{}{}", d, name), t, count, cols);
    expect_type(op, fmt::format("{}{}", d, name), t, type);
  };
  if (x.q.empty()) return expect("qkv", x.qkv, rows.all, 3 * width);
  expect("q", x.q, rows.asking, width);
  expect("kv", x.kv, rows.all, 2 * width);
}

inline void check_attention(std::string_view op, const AttentionRows& x, std::int64_t heads,
                            Groups groups, const Tensor& out, const Tensor& lse) {
  const RowCounts rows = count_rows(op, x, groups);
  expect_parts(op, "", x, rows, out.cols(), out.dtype);
  expect_matrix(op, "out", out, rows.asking, out.cols());
  expect_vector(op, "lse", lse, out.dtype == DType::f64 ? DType::f64 : DType::f32,
                rows.asking * heads);
  check(heads > 0 && out.cols() % heads == 0, "{}: a width of {} is no multiple of {} heads.", op,
        out.cols(), heads);
}

/// Also of what backward alone has: the gradients of out and of x.
inline void check_attention_gradients(std::string_view op, const Tensor& dout, const Tensor& out,
                                      const AttentionRows& x, const AttentionRows& dx,
                                      Groups groups) {
  expect_matrix(op, "dout", dout, out.rows(), out.cols());
  expect_type(op, "dout", dout, out.dtype);
  check(x.q.empty() == dx.q.empty(), "{}: gradients do not lie as what they are of does.", op);
  expect_parts(op, "d", dx, count_rows(op, x, groups), out.cols(), out.dtype);
}

}  // namespace ijepa::cpu
