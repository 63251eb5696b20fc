#include "onednn.hpp"

#include <oneapi/dnnl/dnnl_debug.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <string_view>
#include <vector>

#include "ijepa/core/error.hpp"
#include "onednn_plan.hpp"
#include "scratch.hpp"

namespace ijepa::cpu {
namespace {

/// Rows of c multiplied by one call: a few sizes, so that few plans serve every length.
constexpr std::int64_t row_steps[] = {512, 256, 128, 64, 32, 16};
constexpr std::int64_t smallest_step = 16;
/// What a call reads and writes may take of the second-level cache, where the activation after it
/// finds it again.
constexpr std::int64_t cached_bytes = 768 << 10;
/// Columns of x in a weight gradient above which the library is faster.
constexpr std::int64_t widest_gradient = 96;
/// Depth of a weight gradient is a number of tokens, any at all; zeros round it up to a multiple.
constexpr std::int64_t depth_step = 64;

std::byte* at(void* data, DType type, std::int64_t elements) {
  return static_cast<std::byte*>(data) + elements * static_cast<std::int64_t>(size_of(type));
}

const std::byte* at(const void* data, DType type, std::int64_t elements) {
  return at(const_cast<void*>(data), type, elements);
}

/// How many of the `left` rows the next call takes.
std::int64_t rows_of_call(std::int64_t left, std::int64_t largest_step) {
  for (const auto step : row_steps)
    if (left >= step && step <= largest_step) return step;
  return left;
}

std::int64_t bytes_of_row(const Product& p) {
  const auto of = [](std::int64_t count, DType type) {
    return count * static_cast<std::int64_t>(size_of(type));
  };
  return of(p.k, p.type) +
         of(p.n, p.c_type) * (1 + (p.extra != nullptr ? 1 : 0) + (p.also != nullptr ? 1 : 0));
}

bool instructions_include(dnnl::cpu_isa wanted) {
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & static_cast<unsigned>(wanted)) ==
         static_cast<unsigned>(wanted);
}

/// Plans of one kind by their number of rows, made when they are first needed.
class Plans {
 public:
  Plans(const OneDnnKind& kind, int threads) : kind_(kind), threads_(threads) {}
  OneDnnPlan& of(std::int64_t rows);

 private:
  OneDnnKind kind_;
  int threads_;
  std::mutex mutex_;
  std::map<std::int64_t, std::unique_ptr<OneDnnPlan>> by_rows_;
};

OneDnnPlan& Plans::of(std::int64_t rows) {
  const std::lock_guard lock(mutex_);
  auto& known = by_rows_[rows];
  if (known == nullptr) known = std::make_unique<OneDnnPlan>(kind_, rows, threads_);
  return *known;
}

}  // namespace

class OneDnn::Products {
 public:
  Products(int threads, const Kernels& row_kernels)
      : float32_(instructions_include(dnnl::cpu_isa::avx512_core)),
        bfloat16_(instructions_include(dnnl::cpu_isa::avx512_core_bf16)),
        threads_(threads),
        row_kernels_(row_kernels),
        own_(static_cast<std::size_t>(threads)) {}

  bool handles(DType type) const {
    return type == DType::f32 ? float32_ : type == DType::bf16 && bfloat16_;
  }
  void multiply(const Product& p);

 private:
  /// What a thread needs for its rows.
  struct Own {
    Scratch space, packed;
  };

  Plans& plans_of(const Product& p);
  Product with_padded_depth(const Product& p);
  static std::int64_t largest_step(const Product& p, Plans& plans);
  void multiply_rows(const Product& p, Plans& plans, std::int64_t step, Range rows,
                     std::int64_t thread);
  void finish(const Product& p, Range rows) const;

  bool float32_, bfloat16_;
  int threads_;
  const Kernels& row_kernels_;
  std::map<OneDnnKind, Plans> plans_;
  Scratch packed_, padded_a_, padded_b_;
  std::vector<Own> own_;  // of each thread
};

Plans& OneDnn::Products::plans_of(const Product& p) {
  const auto kind = OneDnnKind::of(p);
  return plans_.try_emplace(kind, kind, threads_).first->second;
}

/// The same product with rows of zeros after the last of a and b.
Product OneDnn::Products::with_padded_depth(const Product& p) {
  const auto k = (p.k + depth_step - 1) / depth_step * depth_step;
  if (k == p.k) return p;
  const auto size = static_cast<std::int64_t>(size_of(p.type));
  const auto padded = [&](Scratch& scratch, const void* from, std::int64_t width) {
    auto* to = scratch.of<std::byte>(k * width * size);
    std::memcpy(to, from, static_cast<std::size_t>(p.k * width * size));
    std::memset(to + p.k * width * size, 0, static_cast<std::size_t>((k - p.k) * width * size));
    return to;
  };
  Product q = p;
  q.k = k;
  q.a = padded(padded_a_, p.a, p.a_col);
  q.b = padded(padded_b_, p.b, p.b_row);
  return q;
}

/// The library packs the weights of narrow products otherwise for few rows than for many, and adds
/// up in another order. Rows of such a product are cut alike whatever the number of threads: into
/// the most rows for which, and for all fewer, it packs as for the fewest.
std::int64_t OneDnn::Products::largest_step(const Product& p, Plans& plans) {
  if (p.m < smallest_step) return smallest_step;
  const auto most = std::min(p.m, std::max(smallest_step, cached_bytes / bytes_of_row(p)));
  const auto& fewest = plans.of(smallest_step);
  auto largest = smallest_step;
  for (auto step = std::rbegin(row_steps); step != std::rend(row_steps); ++step) {
    if (*step > most || !plans.of(*step).packs_like(fewest)) break;
    largest = *step;
  }
  return largest;
}

void OneDnn::Products::multiply(const Product& p) {
  const bool weight_gradient = p.a_row == 1 && p.a_col != 1;
  const Product q = weight_gradient ? with_padded_depth(p) : p;
  auto& plans = plans_of(q);
  const auto step = largest_step(q, plans);
  const auto& first = plans.of(rows_of_call(q.m, step));
  if (first.packs()) first.pack(q.b, packed_.of<std::byte>(first.packed_bytes()));
  const auto tiles = (q.m + smallest_step - 1) / smallest_step;
  parallel_pieces(
      threads_, tiles, 1, [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
        const OneThread one;
        multiply_rows(q, plans, step, {begin * smallest_step, std::min(q.m, end * smallest_step)},
                      piece);
      });
}

void OneDnn::Products::multiply_rows(const Product& p, Plans& plans, std::int64_t step, Range rows,
                                     std::int64_t thread) {
  auto& own = own_[static_cast<std::size_t>(thread)];
  const auto& packer = plans.of(rows_of_call(p.m, step));
  void* const target = stored_by(p);
  for (auto row = rows.begin; row < rows.end;) {
    const auto count = rows_of_call(rows.end - row, step);
    auto& part = plans.of(count);
    const void* weights = part.packs() ? packed_.of<std::byte>(0) : p.b;
    if (part.packs() && !part.packs_like(packer)) {  // the last rows may be fewer than a step
      auto* packed = own.packed.of<std::byte>(part.packed_bytes());
      part.pack(p.b, packed);
      weights = packed;
    }
    part.run(thread, at(p.a, p.type, row * p.a_row), weights, p.bias,
             at(target, p.c_type, row * p.n), own.space.of<std::byte>(part.workspace_bytes()));
    finish(p, {row, row + count});
    row += count;
  }
}

/// The activation, while the rows are in the cache.
void OneDnn::Products::finish(const Product& p, Range rows) const {
  const auto extra = make_tensor(p.extra, p.c_type, {p.m, p.n}),
             c = make_tensor(p.c, p.c_type, {p.m, p.n});
  const Range elements{rows.begin * p.n, rows.end * p.n};
  if (p.then == Then::gelu) row_kernels_.gelu_forward(p.extra != nullptr ? extra : c, c, elements);
  if (p.then == Then::gelu_slope)
    row_kernels_.gelu_backward(extra, c, make_tensor(p.also, p.c_type, {p.m, p.n}), elements);
}

OneDnn::OneDnn(int threads, const Kernels& row_kernels)
    : products_(std::make_unique<Products>(threads, row_kernels)) {}

OneDnn::~OneDnn() = default;

bool OneDnn::is_built_in() {
  return true;
}

bool OneDnn::is_faster(const Product& p) const {
  if (!products_->handles(p.type)) return false;
  if (p.type != DType::f32) return true;
  if (p.a_row == 1 && p.a_col != 1) return p.n > widest_gradient;
  return p.n * p.k * static_cast<std::int64_t>(size_of(p.type)) > cached_bytes;
}

std::string OneDnn::describe() {
  const std::string_view isa = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa()), prefix = "cpu_isa_";
  const auto hints = dnnl_get_cpu_isa_hints();
  const dnnl_version_t& v = *dnnl_version();
  return fmt::format("oneDNN {}.{}.{} ({}{}{})", v.major, v.minor, v.patch,
                     isa.substr(isa.starts_with(prefix) ? prefix.size() : 0),
                     hints == dnnl_cpu_isa_no_hints ? "" : " ",
                     hints == dnnl_cpu_isa_no_hints ? "" : dnnl_cpu_isa_hints2str(hints));
}

void OneDnn::multiply(const Product& p) {
  products_->multiply(p);
}

}  // namespace ijepa::cpu
