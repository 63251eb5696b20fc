// Attention backward: p = exp(s - lse) is formed again, delta = do . o, ds = p (do v^T - delta);
//   dq = c ds k,  dk = c ds^T q,  dv = p^T do.
// One kernel owns tiles of queries and sums over keys, the other owns keys and sums over queries,
// so that no sum is shared between blocks.
#include <algorithm>

#include "attention_tile.hpp"

namespace ijepa::cuda {
namespace {

template <class X>
struct Inputs {
  const X *dout, *qkv, *out;
  const float* lse;
};

/// One head of one sequence: pointers to its first row, and the tiles in shared memory.
template <class S, class X>
struct HeadTiles {
  const X *rows, *dout, *out;
  const float* lse;
  std::int64_t width;
  float *q, *dout_tile, *k, *v, *p, *ds;  // p and ds are (T, T + 1)

  __device__ HeadTiles(const Sequences& at, const Inputs<X>& in)
      : rows(in.qkv + at.start() * 3 * at.width() + at.head_column()),
        dout(in.dout + at.start() * at.width() + at.head_column()),
        out(in.out + at.start() * at.width() + at.head_column()),
        lse(in.lse + at.start() * at.heads + blockIdx.y),
        width(at.width()),
        q(shared_memory<float>()) {
    const int size = S::tile * tile_stride(at.dim);
    dout_tile = q + size;
    k = dout_tile + size;
    v = k + size;
    p = v + size;
    ds = p + S::tile * (S::tile + 1);
  }

  __device__ void load_queries(const Sequences& at, int first) {
    load_tile<S>(rows, 3 * width, first, at.length, at.dim, q);
    load_tile<S>(dout, width, first, at.length, at.dim, dout_tile);
  }
  __device__ void load_keys(const Sequences& at, int first) {
    load_tile<S>(rows + width, 3 * width, first, at.length, at.dim, k);
    load_tile<S>(rows + 2 * width, 3 * width, first, at.length, at.dim, v);
  }

  /// do . o of this thread's two rows.
  __device__ void deltas(const Sequences& at, int first, float (&delta)[2]) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int r = static_cast<int>(threadIdx.y) + i * S::half;
      float sum = 0;
      if (first + r < at.length)
        for (int c = static_cast<int>(threadIdx.x); c < at.dim; c += S::half)
          sum += dout_tile[r * tile_stride(at.dim) + c] * to_float(out[(first + r) * width + c]);
      delta[i] = row_sum<S>(sum);
    }
  }

  /// Writes p and ds of the tile (queries from `first`, keys from `key`); zero outside.
  __device__ void weigh(const Sequences& at, int first, int key, const float (&delta)[2]) const {
    float scores[2][2], dp[2][2];
    dot_rows<S>(q, k, at.dim, scores);
    dot_rows<S>(dout_tile, v, at.dim, dp);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int r = static_cast<int>(threadIdx.y) + i * S::half;
      const bool is_query = first + r < at.length;
      const float l = is_query ? lse[static_cast<std::int64_t>(first + r) * at.heads] : 0.0F;
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        const int c = static_cast<int>(threadIdx.x) + j * S::half;
        const float w =
            is_query && key + c < at.length ? std::exp(at.scale * scores[i][j] - l) : 0.0F;
        p[r * (S::tile + 1) + c] = w;
        ds[r * (S::tile + 1) + c] = w * (dp[i][j] - delta[i]);
      }
    }
  }
};

template <class S, class X>
__global__ void __launch_bounds__(S::half* S::half)
    query_gradients(Sequences at, Inputs<X> in, X* dqkv) {
  HeadTiles<S, X> head(at, in);
  const int first = static_cast<int>(blockIdx.x) * S::tile, ty = static_cast<int>(threadIdx.y);
  head.load_queries(at, first);
  __syncthreads();
  float delta[2], sums[2][S::columns] = {};
  head.deltas(at, first, delta);
  for (int key = 0; key < at.length; key += S::tile) {
    __syncthreads();
    head.load_keys(at, key);
    __syncthreads();
    head.weigh(at, first, key, delta);
    __syncthreads();
    add_products<S>(
        head.k, at.dim,
        [&](int i, int t) { return head.ds[(ty + i * S::half) * (S::tile + 1) + t]; }, sums);
  }
  const float scale[2] = {at.scale, at.scale};
  store_rows<S>(sums, scale, first, at.length, at.dim, 3 * head.width, dqkv + (head.rows - in.qkv));
}

template <class S, class X>
__global__ void __launch_bounds__(S::half* S::half)
    key_gradients(Sequences at, Inputs<X> in, X* dqkv) {
  HeadTiles<S, X> head(at, in);
  const int key = static_cast<int>(blockIdx.x) * S::tile, ty = static_cast<int>(threadIdx.y);
  head.load_keys(at, key);
  float dk[2][S::columns] = {}, dv[2][S::columns] = {};
  for (int first = 0; first < at.length; first += S::tile) {
    __syncthreads();
    head.load_queries(at, first);
    __syncthreads();
    float delta[2];
    head.deltas(at, first, delta);
    head.weigh(at, first, key, delta);
    __syncthreads();
    add_products<S>(
        head.q, at.dim, [&](int i, int t) { return head.ds[t * (S::tile + 1) + ty + i * S::half]; },
        dk);
    add_products<S>(
        head.dout_tile, at.dim,
        [&](int i, int t) { return head.p[t * (S::tile + 1) + ty + i * S::half]; }, dv);
  }
  const float scale[2] = {at.scale, at.scale}, one[2] = {1, 1};
  X* rows = dqkv + (head.rows - in.qkv);
  store_rows<S>(dk, scale, key, at.length, at.dim, 3 * head.width, rows + head.width);
  store_rows<S>(dv, one, key, at.length, at.dim, 3 * head.width, rows + 2 * head.width);
}

}  // namespace

// In parts, so that the library's workspace has one size whatever the batch.
void CudaOps::library_backward(const GroupAt& group, Tensor dout, Tensor qkv, Tensor out,
                               Tensor lse, Tensor dqkv) {
  for_each_part(group.shape, [&](std::int64_t first, std::int64_t count) {
    GroupAt part = group;
    part.shape.count = count;
    part.row += first * group.shape.length;
    attention_.backward(part.shape, part.in<BFloat16>(dout), part.in<BFloat16>(qkv),
                        part.in<BFloat16>(out), part.in<float>(lse), part.in<BFloat16>(dqkv));
  });
}

void CudaOps::attention_backward(Tensor dout, Tensor qkv, Tensor out, Tensor lse,
                                 std::int64_t heads, Groups groups, Tensor dqkv) {
  constexpr auto op = "attention_backward";
  check_attention(op, qkv, heads, groups, out, lse);
  cpu::expect_matrix(op, "dout", dout, out.rows(), out.cols());
  cpu::expect_type(op, "dout", dout, qkv.dtype);
  cpu::expect_matrix(op, "dqkv", dqkv, qkv.rows(), qkv.cols());
  cpu::expect_type(op, "dqkv", dqkv, qkv.dtype);
  for_each_group(groups, heads, out.cols() / heads, [&](const GroupAt& group) {
    if (qkv.dtype == DType::bf16 && library_takes(group.shape))
      return library_backward(group, dout, qkv, out, lse, dqkv);
    on_types(
        [&]<class X>(X* gradients) {
          const Inputs<X> in{static_cast<const X*>(dout.data), static_cast<const X*>(qkv.data),
                             static_cast<const X*>(out.data), lse.as<float>()};
          with_tiles(group, [&]<class S>(S, const Sequences& at, dim3 blocks) {
            const auto bytes = tile_bytes<S>(4, 2, group.shape.dim);
            launch({blocks, dim3(S::half, S::half), bytes, stream_}, query_gradients<S, X>, at, in,
                   gradients);
            launch({blocks, dim3(S::half, S::half), bytes, stream_}, key_gradients<S, X>, at, in,
                   gradients);
          });
        },
        dqkv);
  });
}

}  // namespace ijepa::cuda
