// Products of float32 operands in float16 arithmetic: operands have 11 bits, as TF32's on GPUs;
// sums of at most `chain` products are float16, sums of those float32.
#pragma once
#include "float16_pairs.hpp"
#include "gemm_kernel.hpp"

namespace ijepa::cpu {

/// Products that a float16 adds up, each of which rounds its sum to 11 bits. With operands below
/// 2^scaled_exponent none reaches 65504.
constexpr std::int64_t chain = 48;

/// One panel's product in pairs: c (rows, columns) = a b * inverses, to which `added` is added.
struct PairProduct {
  RowsOfPairs& a;
  std::int64_t depth;
  const Pair* b;
  std::int64_t b_row;
  float inverse;  // of b's scale
  PanelSums<float> c;
};

/// Count rows x Vectors vectors of c, kept in registers, over a range of the depth.
template <class I, int Count, int Vectors>
IJEPA_INLINE void multiply_pair_chain(const PairProduct& p, std::int64_t row, std::int64_t begin,
                                      std::int64_t end) {
  constexpr int n = lanes<I, float>, together = 3, bases = (Count + together - 1) / together;
  __m512h acc[Count][Vectors] = {};
  const Pair* a[bases];
#pragma GCC unroll 4
  for (int r = 0; r < bases; ++r)
    a[r] = p.a.data + (row + together * r) * p.a.row + begin * p.a.col;
  const Pair* b = p.b + begin * p.b_row;
  const std::int64_t a_row = p.a.row, a_col = p.a.col;
  const char* next = p.a.next;
  for (std::int64_t left = end - begin; left > 0; --left) {
    if (next < p.a.next_end) {
      __builtin_prefetch(next);
      next += 64;
    }
    __m512h bs[Vectors];
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) __builtin_memcpy(&bs[v], b + v * n, sizeof bs[v]);
#pragma GCC unroll 12
    for (int r = 0; r < Count; ++r) {
      const auto s =
          reinterpret_cast<__m512h>(splat<I, Pair>(a[r / together][r % together * a_row]));
#pragma GCC unroll 3
      for (int v = 0; v < Vectors; ++v) acc[r][v] = _mm512_fmadd_ph(s, bs[v], acc[r][v]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < bases; ++r) a[r] += a_col;
    b += p.b_row;
  }
  p.a.next = next;
  const PanelSums<float>& c = p.c;
  const float* added = begin == 0 ? c.added : c.data;
  const std::int64_t added_stride = begin == 0 ? c.added_stride : c.stride;
#pragma GCC unroll 12
  for (int r = 0; r < Count; ++r) {
    const float inverse = p.a.inverse[row + r] * p.inverse;
#pragma GCC unroll 3
    for (int v = 0; v < Vectors; ++v) {
      const std::int64_t j = v * n;
      Vec<I, float> sum = sum_of_halves<I>(acc[r][v]) * inverse;
      if (added != nullptr) sum += load<I>(added + (row + r) * added_stride + j);
      store<I>(sum, c.data + (row + r) * c.stride + j);
    }
  }
}

/// A panel in register tiles of nearly equal height, the depth in chains of nearly equal length.
template <class I, int Vectors>
IJEPA_INLINE void multiply_pairs(const PairProduct& p) {
  const std::int64_t chains = (p.depth + chain - 1) / chain;
  for_each_tile<I, Vectors>(p.c.rows, [&]<int Count>(std::int64_t row) {
    for (std::int64_t i = 0; i < chains; ++i)
      multiply_pair_chain<I, Count, Vectors>(p, row, p.depth * i / chains,
                                             p.depth * (i + 1) / chains);
  });
}

/// Products in pairs, as multiply_rows takes them. Blocks and panels count pairs of k.
template <class I>
struct Paired {
  using Set = I;
  using Sum = float;
  using Packed = Pair;

  static Depth depth(const Product& p) { return {pairs_of(p.k)}; }
  static std::int64_t row_space(const Product& p, std::int64_t rows) {
    const Depth k = depth(p);
    const std::int64_t deepest = k.steps < k.most ? k.steps : k.most;
    return whole_vectors<I, float>(rows) * (whole_vectors<I, float>(deepest) + 1);
  }
  /// Where the inverse of a panel's scale lies in packed b: behind all panels.
  static std::int64_t inverse_at(const Product& p, const Block& block, std::int64_t panel) {
    return depth(p).steps * whole_vectors<I, float>(p.n) + block.number * panels_of<I, float>(p.n) +
           panel;
  }
  static std::int64_t packed_elements(const Product& p) {
    const Depth k = depth(p);
    return k.steps * whole_vectors<I, float>(p.n) + blocks_of(k) * panels_of<I, float>(p.n);
  }

  /// Of k in a block, the last of which may lack half of its last pair.
  static std::int64_t numbers_of(const Product& p, const Block& block) {
    const std::int64_t left = p.k - 2 * block.begin;
    return left < 2 * block.depth ? left : 2 * block.depth;
  }
  static RowsOfPairs prepare(const Product& p, Range rows, const Block& block, float* workspace) {
    const std::int64_t begin = 2 * block.begin, count = rows.end - rows.begin,
                       k = numbers_of(p, block);
    const float* a = static_cast<const float*>(p.a) + rows.begin * p.a_row + begin * p.a_col;
    auto* pairs = reinterpret_cast<Pair*>(workspace + whole_vectors<I, float>(count));
    if (p.a_col != 1) return pair_columns<I>(a, p.a_col, count, k, workspace, pairs);
    RowsOfPairs lines = pair_lines<I>(a, p.a_row, count, k, workspace, pairs);
    const std::int64_t after = p.m - rows.end < count ? p.m - rows.end : count;
    lines.next = reinterpret_cast<const char*>(a + count * p.a_row);
    lines.next_end = reinterpret_cast<const char*>(a + (count + after) * p.a_row);
    return lines;
  }
  static void pack(const Product& p, Range panels, Pair* packed) {
    for (std::int64_t i = 0; i < blocks_of(depth(p)); ++i) {
      const Block block = block_of(depth(p), i);
      const std::int64_t begin = 2 * block.begin, k = numbers_of(p, block);
      for (std::int64_t j = panels.begin; j < panels.end; ++j) {
        const Panel panel = panel_of<I, float>(p.n, j);
        const float* b = static_cast<const float*>(p.b) + begin * p.b_row + panel.col * p.b_col;
        packed[inverse_at(p, block, j)] = __builtin_bit_cast(
            Pair, pack_pair_panel<I>(b, p.b_row, p.b_col, k, p.n - panel.col, panel.cols,
                                     packed + panel_at<I, float>(p, block, panel)));
      }
    }
  }
  static void multiply(const Product& p, RowsOfPairs& a, const Block& block, const Panel& panel,
                       const Pair* packed, const PanelSums<float>& c) {
    const PairProduct product{a,
                              block.depth,
                              packed + panel_at<I, float>(p, block, panel),
                              panel.cols,
                              __builtin_bit_cast(float, packed[inverse_at(p, block, panel.number)]),
                              c};
    with_count<I::tile_vectors>(panel.cols / lanes<I, float>,
                                [&]<int Vectors>() { multiply_pairs<I, Vectors>(product); });
  }
};

}  // namespace ijepa::cpu
