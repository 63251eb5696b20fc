#include "kernels.hpp"

#include "ijepa/core/error.hpp"
#include "onednn.hpp"

namespace ijepa::cpu {

KernelChoice choose_kernels(const std::string& name, bool has_avx512) {
  check(name == "auto" || name == "avx2" || name == "avx512" || name == "onednn",
        "The CPU kernels \"{}\" are unknown: use \"auto\", \"avx2\", \"avx512\" or \"onednn\".",
        name);
  check(
      has_avx512 || name == "auto" || name == "avx2",
      "The CPU kernels \"{}\" need AVX-512, which this processor lacks: set compute.cpu_kernels to "
      "\"auto\" or \"avx2\".",
      name);
  check(name != "onednn" || OneDnn::is_built_in(),
        "The CPU kernels \"onednn\" are not in this build, which has no oneDNN: set "
        "compute.cpu_kernels to \"auto\", or configure with -DIJEPA_ONEDNN=ON.");
  if (name == "avx2" || !has_avx512) return {avx2_kernels(), false};
  return {avx512_kernels(), name != "avx512" && OneDnn::is_built_in()};
}

}  // namespace ijepa::cpu
