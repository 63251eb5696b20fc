#include "kernels.hpp"

namespace ijepa::cpu {

const Kernels& best_kernels() {
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return avx512 ? avx512_kernels() : avx2_kernels();
}

}  // namespace ijepa::cpu
