// Attention in tiles of T queries by T keys, for every head size up to 128 and both element types:
// what the forward and the two backward kernels share. A block is (T/2, T/2) threads; each thread
// holds two rows of the tile, and two of its columns.
#pragma once
#include "../cpu/attention_rows.hpp"
#include "cuda_ops.hpp"
#include "dispatch.hpp"

namespace ijepa::cuda {

/// `T` rows a tile; head sizes up to `D`. Chosen so that a block's tiles fit 48 KiB.
template <int T, int D>
struct TileSize {
  static constexpr int tile = T, half = T / 2, columns = D / half;
};

/// One group of equal sequences in packed rows. Blocks are (tile of rows, head, sequence).
struct Sequences {
  std::int64_t first_row, first_query;
  int length, queries, heads, dim;
  float scale;

  __device__ std::int64_t start() const {
    return first_row + static_cast<std::int64_t>(blockIdx.z) * length;
  }
  __device__ std::int64_t query_start() const {
    return first_query + static_cast<std::int64_t>(blockIdx.z) * queries;
  }
  __device__ int width() const { return heads * dim; }
  __device__ int head_column() const { return static_cast<int>(blockIdx.y) * dim; }
};

/// q, k and v, and elements from one row to the next.
template <class X>
struct Parts {
  X *q, *k, *v;
  int q_stride, kv_stride;

  /// This block's head in the rows of its sequence.
  __device__ Parts at(const Sequences& s) const {
    const std::int64_t key = s.start() * kv_stride + s.head_column();
    return {q + s.query_start() * q_stride + s.head_column(), k + key, v + key, q_stride,
            kv_stride};
  }
};

/// The operands of attention as X.
template <class X>
Parts<X> parts_of(const AttentionRows& x) {
  const auto parts = cpu::parts_of(x);
  return {static_cast<X*>(parts.q), static_cast<X*>(parts.k), static_cast<X*>(parts.v),
          static_cast<int>(parts.q_stride), static_cast<int>(parts.kv_stride)};
}

/// A tile in shared memory. The odd row length spreads a column over the memory banks.
__device__ __forceinline__ int tile_stride(int dim) {
  return dim | 1;
}

/// tile[T][dim] = rows of x from `row` on, zero from `rows` on.
template <class S, class X>
__device__ void load_tile(const X* x, std::int64_t row_stride, int row, int rows, int dim,
                          float* tile) {
#pragma unroll 1
  for (int r = static_cast<int>(threadIdx.y); r < S::tile; r += S::half) {
    const X* from = x + (row + r) * row_stride;
    float* to = tile + r * tile_stride(dim);
    for (int c = static_cast<int>(threadIdx.x); c < dim; c += S::half)
      to[c] = row + r < rows ? to_float(from[c]) : 0.0F;
  }
}

/// dots[i][j] = a[row i of this thread] . b[column j of this thread]
template <class S>
__device__ void dot_rows(const float* a, const float* b, int dim, float (&dots)[2][2]) {
  const int stride = tile_stride(dim);
  const float* a0 = a + static_cast<int>(threadIdx.y) * stride;
  const float* b0 = b + static_cast<int>(threadIdx.x) * stride;
  const int next = S::half * stride;
  float sums[2][2] = {};
  for (int c = 0; c < dim; ++c) {
    const float x[2] = {a0[c], a0[next + c]}, y[2] = {b0[c], b0[next + c]};
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
      for (int j = 0; j < 2; ++j) sums[i][j] += x[i] * y[j];
  }
#pragma unroll
  for (int i = 0; i < 2; ++i)
#pragma unroll
    for (int j = 0; j < 2; ++j) dots[i][j] = sums[i][j];
}

/// sums[i][c] += sum over t < T of weight(i, t) * x[t][column c of this thread], i: its two rows.
template <class S, class Weight>
__device__ void add_products(const float* x, int dim, Weight weight, float (&sums)[2][S::columns]) {
#pragma unroll 4
  for (int t = 0; t < S::tile; ++t) {
    const float w[2] = {weight(0, t), weight(1, t)};
#pragma unroll
    for (int c = 0; c < S::columns; ++c) {
      const int col = static_cast<int>(threadIdx.x) + c * S::half;
      if (col >= dim) break;
      const float v = x[t * tile_stride(dim) + col];
#pragma unroll
      for (int i = 0; i < 2; ++i) sums[i][c] += w[i] * v;
    }
  }
}

/// x[row + this thread's rows] = scale[i] * sums[i], where the rows exist.
template <class S, class X>
__device__ void store_rows(const float (&sums)[2][S::columns], const float (&scale)[2], int row,
                           int rows, int dim, std::int64_t row_stride, X* x) {
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int r = row + static_cast<int>(threadIdx.y) + i * S::half;
#pragma unroll
    for (int c = 0; c < S::columns; ++c) {
      const int col = static_cast<int>(threadIdx.x) + c * S::half;
      if (r < rows && col < dim)
        store<1>(x + r * row_stride + col, Floats<1>{{scale[i] * sums[i][c]}});
    }
  }
}

/// Sum or maximum over the threads that share a row.
template <class S>
__device__ float row_sum(float x) {
#pragma unroll
  for (int step = S::half / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffU, x, step);
  return x;
}
template <class S>
__device__ float row_max(float x) {
#pragma unroll
  for (int step = S::half / 2; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(0xffffffffU, x, step);
    x = other > x ? other : x;
  }
  return x;
}

/// Shared memory of `tiles` (T, dim) tiles and `squares` (T, T + 1) ones, in bytes.
template <class S>
std::size_t tile_bytes(int tiles, int squares, std::int64_t dim) {
  const auto floats = tiles * S::tile * (dim | 1) + squares * S::tile * (S::tile + 1);
  return static_cast<std::size_t>(floats) * sizeof(float);
}

inline void check_attention(const char* op, const AttentionRows& x, std::int64_t heads,
                            Groups groups, const Tensor& out, const Tensor& lse) {
  cpu::check_attention(op, x, heads, groups, out, lse);
  check(out.cols() / heads <= 128, "{}: heads of {} features are more than the GPU's 128.", op,
        out.cols() / heads);
}

/// One group and the rows of the packed tensors that it starts at.
struct GroupAt {
  AttentionShape shape;
  std::int64_t row, query;

  /// The group's part of out, its gradient or lse.
  template <class T>
  T* in(const Tensor& t) const {
    return t.as<T>() + query * (t.rank == 1 ? shape.heads : t.cols());
  }
  LibraryRows in(const AttentionRows& x) const {
    const auto all = parts_of<BFloat16>(x);
    const auto key = row * all.kv_stride;
    return {all.q + query * all.q_stride, all.k + key, all.v + key};
  }
  GroupAt part(std::int64_t first, std::int64_t count) const {
    GroupAt p = *this;
    p.shape.count = count;
    p.row += first * shape.length;
    p.query += first * shape.queries();
    return p;
  }
};

/// Calls f(GroupAt) for each group that has rows.
template <class F>
void for_each_group(Groups groups, std::int64_t heads, std::int64_t dim, F&& f) {
  std::int64_t row = 0, query = 0;
  for (const auto& g : groups) {
    if (g.count > 0 && g.length > 0)
      f(GroupAt{{g.count, g.length, heads, dim, g.asking}, row, query});
    row += g.count * g.length;
    query += g.count * g.queries();
  }
}

/// Calls f(TileSize, Sequences, grid of queries, grid of keys): a block for every tile, head and
/// sequence of the group.
template <class F>
void with_tiles(const GroupAt& group, F&& f) {
  const AttentionShape& s = group.shape;
  const auto run = [&]<int T, int D>(TileSize<T, D> size) {
    check(s.count <= 65535 && s.heads <= 65535, "{} sequences of {} heads are too many for a GPU.",
          s.count, s.heads);
    const Sequences at{group.row,
                       group.query,
                       static_cast<int>(s.length),
                       static_cast<int>(s.queries()),
                       static_cast<int>(s.heads),
                       static_cast<int>(s.dim),
                       static_cast<float>(1 / std::sqrt(static_cast<double>(s.dim)))};
    const auto grid = [&](std::int64_t rows) {
      return dim3(blocks_for(rows, T), static_cast<unsigned>(s.heads),
                  static_cast<unsigned>(s.count));
    };
    f(size, at, grid(s.queries()), grid(s.length));
  };
  s.dim <= 64 ? run(TileSize<32, 64>{}) : run(TileSize<16, 128>{});
}

}  // namespace ijepa::cuda
