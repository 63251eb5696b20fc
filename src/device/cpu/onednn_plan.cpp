#include "onednn_plan.hpp"

#include <omp.h>

namespace ijepa::cpu {
namespace {

using Desc = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;
using Dims = dnnl::memory::dims;

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

dnnl::memory::data_type type_of(DType type) {
  return type == DType::f32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

/// An empty `bias` is none. oneDNN 3 took the descriptions of operations out of its interface.
dnnl::matmul::primitive_desc plan(const Desc& a, const Desc& b, const Desc& bias, const Desc& c,
                                  Then then) {
  dnnl::post_ops after;
  if (then == Then::accumulate) after.append_sum(1);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(after);
  // A variable (ONEDNN_DEFAULT_FPMATH_MODE) would else let it multiply float32 as bfloat16.
  attributes.set_fpmath_mode(dnnl::fpmath_mode::strict);
  // The library's own scratchpad belongs to the thread that made the primitive.
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  return {engine(), a, b, bias, c, attributes};
#else
  return {{a, b, bias, c}, attributes, engine()};
#endif
}

/// Setting an address makes the library look at the whole of a packed operand, to put zeros where
/// its blocks are not full.
void point(dnnl::memory& memory, const void* data) {
  if (memory.get_data_handle() != data) memory.set_data_handle(const_cast<void*>(data));
}

}  // namespace

OneThread::OneThread() : before_(omp_get_max_threads()) {
  if (before_ != 1) omp_set_num_threads(1);
}

OneThread::~OneThread() {
  if (before_ != 1) omp_set_num_threads(before_);
}

void* stored_by(const Product& p) {
  return p.then == Then::gelu && p.extra != nullptr ? p.extra : p.c;
}

OneDnnKind OneDnnKind::of(const Product& p) {
  return {p.n,
          p.k,
          p.a_row,
          p.a_col,
          p.type,
          p.c_type,
          p.then == Then::accumulate ? Then::accumulate : Then::store,
          p.bias != nullptr,
          p.b_row == 1 && p.b_col != 1};
}

OneDnnPlan::OneDnnPlan(const OneDnnKind& kind, std::int64_t rows, int threads)
    : a_({rows, kind.k}, type_of(kind.type), Dims{kind.a_row, kind.a_col}),
      bias_(kind.bias ? Desc({1, kind.n}, dnnl::memory::data_type::f32, Tag::ab) : Desc()),
      c_({rows, kind.n}, type_of(kind.c_type), Tag::ab),
      b_given_({kind.k, kind.n}, type_of(kind.type), kind.b_transposed ? Tag::ba : Tag::ab),
      has_bias_(kind.bias) {
  const OneThread one;
  const Desc any({kind.k, kind.n}, type_of(kind.type), Tag::any);
  const auto planned = plan(a_, any, bias_, c_, kind.then);
  b_packed_ = planned.weights_desc();
  space_ = planned.scratchpad_desc();
  matmul_ = dnnl::matmul(planned);
  pack_ = dnnl::reorder({engine(), b_given_, engine(), b_packed_});
  const auto nowhere = [](const Desc& desc) { return dnnl::memory(desc, engine(), nullptr); };
  for (int i = 0; i < threads; ++i)
    operands_.push_back({nowhere(a_), nowhere(b_packed_), nowhere(has_bias_ ? bias_ : c_),
                         nowhere(c_), nowhere(space_)});
}

void OneDnnPlan::pack(const void* b, void* packed) const {
  const OneThread one;
  dnnl::memory from(b_given_, engine(), const_cast<void*>(b)), to(b_packed_, engine(), packed);
  pack_.execute(stream(), from, to);
  stream().wait();
}

void OneDnnPlan::run(std::int64_t thread, const void* a, const void* packed, const void* bias,
                     void* c, void* workspace) {
  auto& o = operands_[static_cast<std::size_t>(thread)];
  point(o.a, a);
  point(o.b, packed);
  point(o.c, c);
  point(o.space, workspace);
  if (has_bias_) point(o.bias, bias);
  const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, o.a.get()},
                                       {DNNL_ARG_WEIGHTS, o.b.get()},
                                       {DNNL_ARG_DST, o.c.get()},
                                       {DNNL_ARG_SCRATCHPAD, o.space.get()},
                                       {DNNL_ARG_BIAS, o.bias.get()}};
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(matmul_.get(), stream().get(), has_bias_ ? 5 : 4, arguments),
      "oneDNN could not multiply matrices");
}

}  // namespace ijepa::cpu
