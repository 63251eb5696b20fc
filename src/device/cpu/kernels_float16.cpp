// Compiled for AVX-512 with FP16, where the compiler knows it.
#include "kernels.hpp"

#ifdef __AVX512FP16__
#include "float16_kernel.hpp"
#endif

namespace ijepa::cpu {

#ifdef __AVX512FP16__
namespace {

using Form = Paired<Avx512Fp16>;

struct Float16Products final : ProductKernels {
  std::int64_t packed_bytes(const Product& p) const override {
    return Form::packed_elements(p) * static_cast<std::int64_t>(sizeof(Pair));
  }
  std::int64_t workspace_bytes(const Product& p, std::int64_t rows) const override {
    return product_workspace<Form>(p, rows) * static_cast<std::int64_t>(sizeof(float));
  }
  std::int64_t panels(const Product& p) const override { return panels_of<Avx512Fp16, float>(p.n); }
  void pack(const Product& p, Range panels, void* packed) const override {
    Form::pack(p, panels, static_cast<Pair*>(packed));
  }
  void multiply(const Product& p, Range rows, Range panels, const void* packed,
                void* workspace) const override {
    multiply_rows<Form>(p, rows, panels, static_cast<const Pair*>(packed),
                        static_cast<float*>(workspace));
  }
};

}  // namespace

const ProductKernels* float16_products() {
  static constexpr Float16Products products;
  return &products;
}
#else
const ProductKernels* float16_products() {
  return nullptr;
}
#endif

}  // namespace ijepa::cpu
