#include "kernels_on.hpp"

namespace ijepa::cpu {

const Kernels& avx512_kernels() {
  static constexpr KernelsOn<Avx512> kernels("avx512");
  return kernels;
}

}  // namespace ijepa::cpu
