// Attention forward, one pass over the keys (Dao, arXiv 2307.08691): a running maximum m and sum l
// of each row, o = sum exp(s - m) v / l, lse = m + log l.
#include <cmath>

#include "attention_tile.hpp"

namespace ijepa::cuda {
namespace {

/// What a row has seen so far.
struct RowState {
  float maximum = -INFINITY, sum = 0;
};

/// Scores to weights exp(s - m), written to `weights`; the factor of what was summed before.
template <class S>
__device__ float weigh_row(const float (&scores)[2], int key, int length, RowState& state,
                           float* weights) {
  float s[2];
#pragma unroll
  for (int j = 0; j < 2; ++j)
    s[j] = key + static_cast<int>(threadIdx.x) + j * S::half < length ? scores[j] : -INFINITY;
  const float largest = row_max<S>(s[0] > s[1] ? s[0] : s[1]);
  const float maximum = largest > state.maximum ? largest : state.maximum;
  const float factor = std::exp(state.maximum - maximum);
  float sum = 0;
#pragma unroll
  for (int j = 0; j < 2; ++j) {
    const float w = std::exp(s[j] - maximum);
    weights[static_cast<int>(threadIdx.x) + j * S::half] = w;
    sum += w;
  }
  state = {maximum, state.sum * factor + row_sum<S>(sum)};
  return factor;
}

template <class S, class X>
__global__ void __launch_bounds__(S::half* S::half)
    attend(Sequences at, Parts<const X> all, X* out, float* lse) {
  const int dim = at.dim, stride = tile_stride(dim), ty = static_cast<int>(threadIdx.y);
  auto* q = shared_memory<float>();
  float* kv = q + S::tile * stride;
  float* weights = kv + S::tile * stride;  // (T, T + 1)
  const std::int64_t width = at.width(), start = at.query_start();
  const Parts<const X> x = all.at(at);
  const int first = static_cast<int>(blockIdx.x) * S::tile;
  load_tile<S>(x.q, x.q_stride, first, at.queries, dim, q);
  RowState state[2];
  float sums[2][S::columns] = {};
  for (int key = 0; key < at.length; key += S::tile) {
    __syncthreads();  // v of the tile before may still be read
    load_tile<S>(x.k, x.kv_stride, key, at.length, dim, kv);
    __syncthreads();
    float scores[2][2];
    dot_rows<S>(q, kv, dim, scores);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      scores[i][0] *= at.scale;
      scores[i][1] *= at.scale;
      const float factor = weigh_row<S>(scores[i], key, at.length, state[i],
                                        weights + (ty + i * S::half) * (S::tile + 1));
#pragma unroll
      for (int c = 0; c < S::columns; ++c) sums[i][c] *= factor;
    }
    __syncthreads();
    load_tile<S>(x.v, x.kv_stride, key, at.length, dim, kv);
    __syncthreads();
    add_products<S>(
        kv, dim, [&](int i, int t) { return weights[(ty + i * S::half) * (S::tile + 1) + t]; },
        sums);
  }
  const float scale[2] = {1 / state[0].sum, 1 / state[1].sum};
  store_rows<S>(sums, scale, first, at.queries, dim, width, out + start * width + at.head_column());
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int row = first + ty + i * S::half;
    if (threadIdx.x == 0 && row < at.queries)
      lse[(start + row) * at.heads + blockIdx.y] = state[i].maximum + std::log(state[i].sum);
  }
}

}  // namespace

void CudaOps::attention_forward(const AttentionRows& x, std::int64_t heads, Groups groups,
                                Tensor out, Tensor lse) {
  check_attention("attention_forward", x, heads, groups, out, lse);
  for_each_group(groups, heads, out.cols() / heads, [&](const GroupAt& group) {
    if (out.dtype == DType::bf16 && library_takes(group.shape))
      return attention_.forward(group.shape, group.in(x), group.in<BFloat16>(out),
                                group.in<float>(lse));
    on_types(
        [&]<class X>(X* results) {
          with_tiles(group, [&]<class S>(S, const Sequences& at, dim3 queries, dim3) {
            launch({queries, dim3(S::half, S::half), tile_bytes<S>(2, 1, group.shape.dim), stream_},
                   attend<S, X>, at, parts_of<const X>(x), results, lse.as<float>());
          });
        },
        out);
  });
}

}  // namespace ijepa::cuda
