#include "onednn.hpp"

#include <omp.h>
#include <oneapi/dnnl/dnnl_debug.h>

#include <algorithm>
#include <compare>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <ranges>
#include <string_view>

#include "ijepa/core/error.hpp"

namespace ijepa::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Dims = dnnl::memory::dims;

/// Rows of c multiplied by one call: a few sizes, so that few primitives serve every length.
constexpr std::int64_t row_steps[] = {128, 64, 32, 16};
constexpr std::int64_t smallest_step = 16;
/// Depth of a weight gradient is a number of tokens, any at all; zeros round it up to a multiple.
constexpr std::int64_t depth_step = 64;

/// oneDNN plans and runs for as many threads as OpenMP offers; here each call belongs to one
/// thread.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::memory::data_type type_of(DType type) {
  return type == DType::f32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

dnnl::memory memory_at(const Desc& desc, const void* data) {
  return {desc, engine(), const_cast<void*>(data)};
}

std::byte* at(void* data, DType type, std::int64_t elements) {
  return static_cast<std::byte*>(data) + elements * static_cast<std::int64_t>(size_of(type));
}

const std::byte* at(const void* data, DType type, std::int64_t elements) {
  return at(const_cast<void*>(data), type, elements);
}

void run(const dnnl::primitive& primitive, const std::unordered_map<int, dnnl::memory>& operands) {
  thread_local dnnl::stream stream(engine());
  primitive.execute(stream, operands);
  stream.wait();
}

/// An empty `bias` is none. oneDNN 3 took the descriptions of operations out of its interface.
dnnl::matmul::primitive_desc plan(const Desc& a, const Desc& b, const Desc& bias, const Desc& c,
                                  const dnnl::primitive_attr& attributes) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), a, b, bias, c, attributes};
#else
  return {{a, b, bias, c}, attributes, engine()};
#endif
}

/// How many of the `left` rows the next call takes.
std::int64_t rows_of_call(std::int64_t left, std::int64_t largest_step) {
  for (const auto step : row_steps)
    if (left >= step && step <= largest_step) return step;
  return left;
}

}  // namespace

/// All that a primitive depends on.
struct OneDnn::Shape {
  std::int64_t m, n, k;
  DType type, c_type;
  Then then;
  bool bias, b_transposed;
  std::int64_t a_row, a_col;
  auto operator<=>(const Shape&) const = default;

  static Shape of(const Product& p, std::int64_t rows) {
    // GELU is applied afterwards, to what was stored as extra.
    return {rows,
            p.n,
            p.k,
            p.type,
            p.then == Then::gelu ? p.extra_type : p.c_type,
            p.then == Then::gelu ? Then::store : p.then,
            p.bias != nullptr,
            p.b_row == 1 && p.b_col != 1,
            p.a_row,
            p.a_col};
  }
};

struct OneDnn::Primitive {
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul matmul;
  dnnl::reorder pack;  // of b
  Desc a, bias, c, b_as_given, b_packed;
};

OneDnn::OneDnn(int threads, const Kernels& row_kernels)
    : threads_(threads), row_kernels_(row_kernels), own_(static_cast<std::size_t>(threads)) {}

OneDnn::~OneDnn() = default;

bool OneDnn::is_built_in() {
  return true;
}

bool OneDnn::handles(DType type) {
  const auto isa = dnnl::get_effective_cpu_isa();
  const auto at_least = [&](dnnl::cpu_isa wanted) {
    return (static_cast<unsigned>(isa) & static_cast<unsigned>(wanted)) ==
           static_cast<unsigned>(wanted);
  };
  if (type == DType::f32) return at_least(dnnl::cpu_isa::avx512_core);
  return type == DType::bf16 && at_least(dnnl::cpu_isa::avx512_core_bf16);
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

const OneDnn::Primitive& OneDnn::primitive(const Shape& s) {
  const std::lock_guard lock(mutex_);
  auto& known = primitives_[s];
  if (known != nullptr) return *known;
  const auto type = type_of(s.type), c_type = type_of(s.c_type);
  const Desc a({s.m, s.k}, type, Dims{s.a_row, s.a_col});
  const Desc b({s.k, s.n}, type, Tag::any);
  const Desc c({s.m, s.n}, c_type, Tag::ab);
  const Desc bias = s.bias ? Desc({1, s.n}, dnnl::memory::data_type::f32, Tag::ab) : Desc();
  dnnl::post_ops then;
  if (s.then == Then::accumulate) then.append_sum(1);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(then);
  // A variable (ONEDNN_DEFAULT_FPMATH_MODE) would else let it multiply float32 as bfloat16.
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  // The library's own scratchpad belongs to the thread that made the primitive.
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto desc = plan(a, b, bias, c, attributes);
  const Desc b_as_given({s.k, s.n}, type, s.b_transposed ? Tag::ba : Tag::ab);
  const Desc b_packed = desc.weights_desc();
  const dnnl::reorder pack({engine(), b_as_given, engine(), b_packed});
  known = std::make_unique<Primitive>(
      Primitive{desc, dnnl::matmul(desc), pack, a, bias, c, b_as_given, b_packed});
  return *known;
}

/// The same product with rows of zeros after the last of a and b.
Product OneDnn::with_padded_depth(const Product& p) {
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
std::int64_t OneDnn::largest_step(const Product& p) {
  auto largest = smallest_step;
  for (const auto step : std::views::reverse(row_steps)) {
    if (step > p.m ||
        primitive(Shape::of(p, step)).b_packed != primitive(Shape::of(p, smallest_step)).b_packed)
      break;
    largest = step;
  }
  return largest;
}

void OneDnn::multiply(const Product& p) {
  const bool weight_gradient = p.a_row == 1 && p.a_col != 1;
  const Product q = weight_gradient ? with_padded_depth(p) : p;
  const auto step = largest_step(q);
  {
    const OneThread one;
    pack(q, primitive(Shape::of(q, rows_of_call(q.m, step))), packed_);
  }
  const auto tiles = (q.m + smallest_step - 1) / smallest_step;
  parallel_pieces(
      threads_, tiles, 1, [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
        const OneThread one;
        multiply_rows(q, step, {begin * smallest_step, std::min(q.m, end * smallest_step)},
                      own_[static_cast<std::size_t>(piece)]);
      });
}

void* OneDnn::pack(const Product& p, const Primitive& user, Scratch& to) {
  void* packed = to.of<std::byte>(static_cast<std::int64_t>(user.b_packed.get_size()));
  run(user.pack, {{DNNL_ARG_FROM, memory_at(user.b_as_given, p.b)},
                  {DNNL_ARG_TO, memory_at(user.b_packed, packed)}});
  return packed;
}

void OneDnn::multiply_rows(const Product& p, std::int64_t step, Range rows, Own& own) {
  const Desc& packed = primitive(Shape::of(p, rows_of_call(p.m, step))).b_packed;
  const auto target_type = p.then == Then::gelu ? p.extra_type : p.c_type;
  void* target = p.then == Then::gelu ? p.extra : p.c;
  for (auto row = rows.begin; row < rows.end;) {
    const auto count = rows_of_call(rows.end - row, step);
    const auto& part = primitive(Shape::of(p, count));
    // The last rows may be fewer than the smallest step.
    void* weights = part.b_packed == packed ? packed_.of<std::byte>(0) : pack(p, part, own.packed);
    const auto space = part.desc.scratchpad_desc();
    std::unordered_map<int, dnnl::memory> operands{
        {DNNL_ARG_SRC, memory_at(part.a, at(p.a, p.type, row * p.a_row))},
        {DNNL_ARG_WEIGHTS, memory_at(part.b_packed, weights)},
        {DNNL_ARG_DST, memory_at(part.c, at(target, target_type, row * p.n))},
        {DNNL_ARG_SCRATCHPAD,
         memory_at(space, own.space.of<std::byte>(static_cast<std::int64_t>(space.get_size())))}};
    if (p.bias != nullptr) operands.emplace(DNNL_ARG_BIAS, memory_at(part.bias, p.bias));
    run(part.matmul, operands);
    if (p.then == Then::gelu)
      row_kernels_.gelu_forward(make_tensor(p.extra, p.extra_type, {p.m, p.n}),
                                make_tensor(p.c, p.c_type, {p.m, p.n}),
                                {row * p.n, (row + count) * p.n});
    row += count;
  }
}

}  // namespace ijepa::cpu
