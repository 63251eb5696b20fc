// AttentionLibrary: attention of bfloat16 heads on a stream by tensor cores. cuDNN computes it on a
// GPU; the emulated device has a double that obeys the same rules. What these exclude, and float32,
// is for our own kernel.
#pragma once
#include <cuda_runtime_api.h>

#include <algorithm>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "ijepa/core/log.hpp"
#include "ijepa/core/scalar.hpp"
#include "ijepa/device/gpu_memory.hpp"

namespace ijepa::cuda {

/// One group of a packed token tensor: `count` sequences of `length` rows, of which `asking` have
/// queries; 0: all, and q, k and v lie side by side (AttentionRows).
struct AttentionShape {
  std::int64_t count, length, heads, dim, asking = 0;

  auto operator<=>(const AttentionShape&) const = default;
  constexpr std::int64_t queries() const { return asking > 0 ? asking : length; }
  constexpr std::int64_t width() const { return heads * dim; }
  /// Elements from one row of q, or of k and v, to the next.
  constexpr std::int64_t q_stride() const { return (asking > 0 ? 1 : 3) * width(); }
  constexpr std::int64_t kv_stride() const { return (asking > 0 ? 2 : 3) * width(); }
};

/// Bytes of workspace that the backward pass of one sequence takes: the gradient of the scores in
/// bfloat16, in tiles of 128, and a float32 a query and head.
constexpr std::size_t backward_workspace(const AttentionShape& s) {
  const auto tiled = [](std::int64_t rows) { return (rows + 127) / 128 * 128; };
  return static_cast<std::size_t>(s.heads *
                                  (tiled(s.queries()) * tiled(s.length) * 2 + s.queries() * 4));
}

/// The library's rules, for compute capability 8.0 and newer: head sizes are multiples of 8 up to
/// 128, backward knows no sequence of one row. The workspace holds at least one sequence.
constexpr bool library_takes(const AttentionShape& s) {
  return s.dim % 8 == 0 && s.dim <= 128 && s.queries() >= 2 && s.count > 0 &&
         backward_workspace(s) + gpu_memory.attention_slack <= gpu_memory.attention;
}

/// The most sequences of a shape that fit the workspace; a group is cut into equal parts.
constexpr std::int64_t sequences_at_once(const AttentionShape& s) {
  const std::size_t room = gpu_memory.attention - gpu_memory.attention_slack;
  const auto most = static_cast<std::int64_t>(room / backward_workspace(s));
  const std::int64_t parts = (s.count + most - 1) / most;
  return (s.count + parts - 1) / parts;
}

/// Calls f(first, count) for the equal parts that a group's backward pass is cut into.
template <class F>
void for_each_part(const AttentionShape& s, F&& f) {
  const std::int64_t most = sequences_at_once(s);
  for (std::int64_t first = 0; first < s.count; first += most)
    f(first, std::min(most, s.count - first));
}

/// Where q, k and v of a group, or their gradients, begin.
struct LibraryRows {
  BFloat16 *q, *k, *v;
};

/// Rows are those of Ops: out, dout (queries, width), lse (queries, heads). Pointers are aligned to
/// 16 bytes, lse to 4.
class AttentionLibrary {
 public:
  virtual ~AttentionLibrary() = default;
  virtual void forward(const AttentionShape& s, const LibraryRows& x, BFloat16* out,
                       float* lse) = 0;
  virtual void backward(const AttentionShape& s, const BFloat16* dout, const LibraryRows& x,
                        const BFloat16* out, const float* lse, const LibraryRows& dx) = 0;
  /// Compiles what forward() or backward() needs for a shape, on another thread.
  virtual void prepare(const AttentionShape& s, bool backward) = 0;
};

/// How attention is compiled ahead of need: on how many threads, and where it is kept.
struct AttentionPlanning {
  std::string folder{}, gpu{};  // no folder: in memory alone
  int threads = 0;
  Log log{};
};

/// The library's handle, plans and workspace for attention on `stream`. An Error where it is
/// missing or too old.
std::unique_ptr<AttentionLibrary> make_attention_library(cudaStream_t stream,
                                                         const AttentionPlanning& planning);

}  // namespace ijepa::cuda
