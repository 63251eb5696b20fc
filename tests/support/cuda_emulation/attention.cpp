// The double of cuDNN's attention on the emulated device: the same attention in place in packed
// rows on the same stream, rounded where cuDNN rounds, with the rules for shapes and addresses
// checked.
#include <algorithm>
#include <cmath>
#include <cuda_emulation.hpp>
#include <mutex>
#include <vector>

#include "control.hpp"
#include "ijepa/core/error.hpp"
#include "src/device/cuda/attention_library.hpp"

namespace emulation {

Attention& attention() {
  static Attention here;
  return here;
}

}  // namespace emulation

namespace ijepa::cuda {
namespace {

using Matrix = std::vector<double>;  // (rows, dim) of one head of one sequence, or (queries, keys)

double rounded(double x) {
  return static_cast<float>(BFloat16(static_cast<float>(x)));
}

/// One head of one sequence in packed rows.
struct Head {
  AttentionShape s;
  std::int64_t sequence, head;

  std::int64_t at(std::int64_t row, std::int64_t stride, std::int64_t column) const {
    return row * stride + head * s.dim + column;
  }
  Matrix load(const BFloat16* x, std::int64_t rows, std::int64_t stride) const {
    Matrix m;
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t c = 0; c < s.dim; ++c)
        m.push_back(static_cast<float>(x[at(sequence * rows + i, stride, c)]));
    return m;
  }
  void store(const Matrix& m, BFloat16* x, std::int64_t stride) const {
    const auto rows = static_cast<std::int64_t>(m.size()) / s.dim;
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t c = 0; c < s.dim; ++c)
        x[at(sequence * rows + i, stride, c)] =
            BFloat16(static_cast<float>(m[static_cast<std::size_t>(i * s.dim + c)]));
  }
  Matrix queries(const BFloat16* q) const { return load(q, s.queries(), s.q_stride()); }
  Matrix keys(const BFloat16* k) const { return load(k, s.length, s.kv_stride()); }
  Matrix results(const BFloat16* out) const { return load(out, s.queries(), s.width()); }
};

std::size_t index(std::int64_t i, std::int64_t j, std::int64_t width) {
  return static_cast<std::size_t>(i * width + j);
}

/// scale a b^T, (queries, keys).
Matrix scores(const AttentionShape& s, const Matrix& a, const Matrix& b, double scale) {
  Matrix m(static_cast<std::size_t>(s.queries() * s.length));
  for (std::int64_t i = 0; i < s.queries(); ++i)
    for (std::int64_t j = 0; j < s.length; ++j) {
      double sum = 0;
      for (std::int64_t c = 0; c < s.dim; ++c) sum += a[index(i, c, s.dim)] * b[index(j, c, s.dim)];
      m[index(i, j, s.length)] = scale * sum;
    }
  return m;
}

/// w x or, transposed, w^T x: w (queries, keys) in bfloat16 as tensor cores read it, x (keys, dim)
/// or (queries, dim).
Matrix weighted(const AttentionShape& s, const Matrix& w, bool transposed, const Matrix& x) {
  Matrix m(static_cast<std::size_t>((transposed ? s.length : s.queries()) * s.dim));
  for (std::int64_t i = 0; i < s.queries(); ++i)
    for (std::int64_t j = 0; j < s.length; ++j) {
      const double weight = rounded(w[index(i, j, s.length)]);
      for (std::int64_t c = 0; c < s.dim; ++c)
        m[index(transposed ? j : i, c, s.dim)] += weight * x[index(transposed ? i : j, c, s.dim)];
    }
  return m;
}

double scale_of(const AttentionShape& s) {
  return 1 / std::sqrt(static_cast<double>(s.dim));
}

template <class F>
void each_head(const AttentionShape& s, F&& f) {
  for (std::int64_t sequence = 0; sequence < s.count; ++sequence)
    for (std::int64_t head = 0; head < s.heads; ++head) f(Head{s, sequence, head});
}

void attend(const AttentionShape& s, const LibraryRows& x, BFloat16* out, float* lse) {
  each_head(s, [&](const Head& h) {
    Matrix p = scores(s, h.queries(x.q), h.keys(x.k), scale_of(s));
    for (std::int64_t i = 0; i < s.queries(); ++i) {
      double largest = -INFINITY, sum = 0;
      for (std::int64_t j = 0; j < s.length; ++j)
        largest = std::max(largest, p[index(i, j, s.length)]);
      for (std::int64_t j = 0; j < s.length; ++j)
        sum += std::exp(p[index(i, j, s.length)] - largest);
      const double log_sum = largest + std::log(sum);
      for (std::int64_t j = 0; j < s.length; ++j)
        p[index(i, j, s.length)] = std::exp(p[index(i, j, s.length)] - log_sum);
      lse[(h.sequence * s.queries() + i) * s.heads + h.head] = static_cast<float>(log_sum);
    }
    h.store(weighted(s, p, false, h.keys(x.v)), out, s.width());
  });
}

void differentiate(const AttentionShape& s, const BFloat16* dout, const LibraryRows& x,
                   const BFloat16* out, const float* lse, const LibraryRows& dx) {
  each_head(s, [&](const Head& h) {
    const Matrix q = h.queries(x.q), k = h.keys(x.k), v = h.keys(x.v);
    const Matrix o = h.results(out), d = h.results(dout);
    Matrix p = scores(s, q, k, scale_of(s)), ds = scores(s, d, v, 1);
    for (std::int64_t i = 0; i < s.queries(); ++i) {
      double delta = 0;
      for (std::int64_t c = 0; c < s.dim; ++c)
        delta += d[index(i, c, s.dim)] * o[index(i, c, s.dim)];
      const double log_sum = lse[(h.sequence * s.queries() + i) * s.heads + h.head];
      for (std::int64_t j = 0; j < s.length; ++j) {
        const std::size_t at = index(i, j, s.length);
        p[at] = std::exp(p[at] - log_sum);
        ds[at] = scale_of(s) * p[at] * (ds[at] - delta);
      }
    }
    h.store(weighted(s, ds, false, k), dx.q, s.q_stride());
    h.store(weighted(s, ds, true, q), dx.k, s.kv_stride());
    h.store(weighted(s, p, true, d), dx.v, s.kv_stride());
  });
}

/// The rows of q, k and v are memory that the device has. The last row ends with the part itself.
void check_rows(const AttentionShape& s, const LibraryRows& x, bool writes) {
  const auto check_part = [&](const BFloat16* part, std::int64_t rows, std::int64_t stride) {
    const auto elements = (rows - 1) * stride + s.width();
    emulation::check_range(part, static_cast<std::size_t>(elements) * 2, writes);
  };
  check_part(x.q, s.count * s.queries(), s.q_stride());
  check_part(x.k, s.count * s.length, s.kv_stride());
  check_part(x.v, s.count * s.length, s.kv_stride());
}

void expect_rules(const AttentionShape& s, std::initializer_list<const void*> operands) {
  check(library_takes(s), "cuDNN has no attention of {} sequences of {} rows, {} heads of {}.",
        s.count, s.length, s.heads, s.dim);
  for (const void* operand : operands)
    check(reinterpret_cast<std::uintptr_t>(operand) % 16 == 0,
          "cuDNN was given an operand that is not aligned to 16 bytes.");
}

/// What comes is told on another thread than what is computed.
std::mutex shapes_mutex;

emulation::Attention::Shape described(const AttentionShape& s, bool backward) {
  return {s.count, s.length, s.asking, s.heads, s.dim, backward ? 1 : 0};
}

class EmulatedAttention final : public AttentionLibrary {
 public:
  explicit EmulatedAttention(cudaStream_t stream) : stream_(stream) {}

  void prepare(const AttentionShape& s, bool backward) override {
    const std::lock_guard guard(shapes_mutex);
    emulation::attention().prepared.insert(described(s, backward));
  }

  void forward(const AttentionShape& s, const LibraryRows& x, BFloat16* out, float* lse) override {
    expect_rules(s, {x.q, x.k, x.v, out});
    emulation::attention().computed.insert(described(s, false));
    emulation::enqueue("attention", stream_, emulation::Where::current(), [=] {
      const auto rows = static_cast<std::size_t>(s.count * s.queries()),
                 width = rows * static_cast<std::size_t>(s.width());
      check_rows(s, x, false);
      emulation::check_range(out, width * 2, true);
      emulation::check_range(lse, rows * static_cast<std::size_t>(s.heads) * 4, true);
      attend(s, x, out, lse);
    });
  }

  void backward(const AttentionShape& s, const BFloat16* dout, const LibraryRows& x,
                const BFloat16* out, const float* lse, const LibraryRows& dx) override {
    expect_rules(s, {dout, x.q, x.k, x.v, out, dx.q, dx.k, dx.v});
    emulation::attention().computed.insert(described(s, true));
    check(s.count <= sequences_at_once(s), "{} sequences do not fit cuDNN's workspace.", s.count);
    emulation::enqueue("attention backward", stream_, emulation::Where::current(), [=] {
      const auto rows = static_cast<std::size_t>(s.count * s.queries()),
                 width = rows * static_cast<std::size_t>(s.width());
      for (const auto* operand : {dout, out}) emulation::check_range(operand, width * 2, false);
      check_rows(s, x, false);
      emulation::check_range(lse, rows * static_cast<std::size_t>(s.heads) * 4, false);
      check_rows(s, dx, true);
      differentiate(s, dout, x, out, lse, dx);
    });
  }

 private:
  cudaStream_t stream_;
};

}  // namespace

std::unique_ptr<AttentionLibrary> make_attention_library(cudaStream_t stream,
                                                         const AttentionPlanning&) {
  return std::make_unique<EmulatedAttention>(stream);
}

}  // namespace ijepa::cuda
