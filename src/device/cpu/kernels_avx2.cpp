#include "kernels_on.hpp"

namespace ijepa::cpu {

const Kernels& avx2_kernels() {
  static constexpr KernelsOn<Avx2> kernels("avx2");
  return kernels;
}

}  // namespace ijepa::cpu
