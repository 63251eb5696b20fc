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
  Parts<const X> x;
  const X *dout, *out;
  const float* lse;
};

/// One head of one sequence: pointers to its first row, and the tiles in shared memory.
template <class S, class X>
struct HeadTiles {
  Parts<const X> x;
  const X *dout, *out;
  const float* lse;
  std::int64_t width;
  float *q, *dout_tile, *k, *v, *p, *ds;  // p and ds are (T, T + 1)

  __device__ HeadTiles(const Sequences& at, const Inputs<X>& in)
      : x(in.x.at(at)),
        dout(in.dout + at.query_start() * at.width() + at.head_column()),
        out(in.out + at.query_start() * at.width() + at.head_column()),
        lse(in.lse + at.query_start() * at.heads + blockIdx.y),
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
    load_tile<S>(x.q, x.q_stride, first, at.queries, at.dim, q);
    load_tile<S>(dout, width, first, at.queries, at.dim, dout_tile);
  }
  __device__ void load_keys(const Sequences& at, int first) {
    load_tile<S>(x.k, x.kv_stride, first, at.length, at.dim, k);
    load_tile<S>(x.v, x.kv_stride, first, at.length, at.dim, v);
  }

  /// do . o of this thread's two rows.
  __device__ void deltas(const Sequences& at, int first, float (&delta)[2]) const {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int r = static_cast<int>(threadIdx.y) + i * S::half;
      float sum = 0;
      if (first + r < at.queries)
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
      const bool is_query = first + r < at.queries;
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
    query_gradients(Sequences at, Inputs<X> in, Parts<X> gradients) {
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
  const Parts<X> dx = gradients.at(at);
  store_rows<S>(sums, scale, first, at.queries, at.dim, dx.q_stride, dx.q);
}

template <class S, class X>
__global__ void __launch_bounds__(S::half* S::half)
    key_gradients(Sequences at, Inputs<X> in, Parts<X> gradients) {
  HeadTiles<S, X> head(at, in);
  const int key = static_cast<int>(blockIdx.x) * S::tile, ty = static_cast<int>(threadIdx.y);
  head.load_keys(at, key);
  float dk[2][S::columns] = {}, dv[2][S::columns] = {};
  for (int first = 0; first < at.queries; first += S::tile) {
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
  const Parts<X> dx = gradients.at(at);
  store_rows<S>(dk, scale, key, at.length, at.dim, dx.kv_stride, dx.k);
  store_rows<S>(dv, one, key, at.length, at.dim, dx.kv_stride, dx.v);
}

}  // namespace

// In parts, so that the library's workspace has one size whatever the batch.
void CudaOps::library_backward(const GroupAt& group, Tensor dout, const AttentionRows& x,
                               Tensor out, Tensor lse, const AttentionRows& dx) {
  for_each_part(group.shape, [&](std::int64_t first, std::int64_t count) {
    const GroupAt part = group.part(first, count);
    attention_.backward(part.shape, part.in<BFloat16>(dout), part.in(x), part.in<BFloat16>(out),
                        part.in<float>(lse), part.in(dx));
  });
}

void CudaOps::attention_backward(Tensor dout, const AttentionRows& x, Tensor out, Tensor lse,
                                 std::int64_t heads, Groups groups, const AttentionRows& dx) {
  constexpr auto op = "attention_backward";
  check_attention(op, x, heads, groups, out, lse);
  cpu::check_attention_gradients(op, dout, out, x, dx, groups);
  for_each_group(groups, heads, out.cols() / heads, [&](const GroupAt& group) {
    if (out.dtype == DType::bf16 && library_takes(group.shape))
      return library_backward(group, dout, x, out, lse, dx);
    on_types(
        [&]<class X>(const X* outs) {
          const Inputs<X> in{parts_of<const X>(x), static_cast<const X*>(dout.data), outs,
                             lse.as<float>()};
          with_tiles(group, [&]<class S>(S, const Sequences& at, dim3 queries, dim3 keys) {
            const auto bytes = tile_bytes<S>(4, 2, group.shape.dim);
            launch({queries, dim3(S::half, S::half), bytes, stream_}, query_gradients<S, X>, at, in,
                   parts_of<X>(dx));
            launch({keys, dim3(S::half, S::half), bytes, stream_}, key_gradients<S, X>, at, in,
                   parts_of<X>(dx));
          });
        },
        out);
  });
}

}  // namespace ijepa::cuda
