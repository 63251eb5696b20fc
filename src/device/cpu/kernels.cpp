#include "kernels.hpp"

#include "ijepa/core/error.hpp"
#include "onednn.hpp"

namespace ijepa::cpu {

KernelChoice choose_kernels(const std::string& name, const Processor& processor) {
  check(
      name == "auto" || name == "avx2" || name == "avx512" || name == "onednn" || name == "float16",
      "The CPU kernels \"{}\" are unknown: use \"auto\", \"avx2\", \"avx512\", \"onednn\" or "
      "\"float16\".",
      name);
  const bool needs_fp16 = name == "float16";
  check(needs_fp16 ? processor.fp16 : processor.avx512 || name == "auto" || name == "avx2",
        "The CPU kernels \"{}\" need {}, which this processor lacks: set compute.cpu_kernels to "
        "\"auto\"{}.",
        name, needs_fp16 ? "AVX512-FP16" : "AVX-512", needs_fp16 ? "" : " or \"avx2\"");
  check(name != "onednn" || OneDnn::is_built_in(),
        "The CPU kernels \"onednn\" are not in this build, which has no oneDNN: set "
        "compute.cpu_kernels to \"auto\", or configure with -DIJEPA_ONEDNN=ON.");
  check(!needs_fp16 || float16_products() != nullptr,
        "The CPU kernels \"float16\" are not in this build, whose compiler does not know "
        "AVX512-FP16: set compute.cpu_kernels to \"auto\", or build with GCC 12 or later.");
  if (name == "avx2" || !processor.avx512) return {avx2_kernels(), false};
  if (needs_fp16) return {avx512_kernels(), OneDnn::is_built_in(), float16_products()};
  return {avx512_kernels(), name != "avx512" && OneDnn::is_built_in()};
}

}  // namespace ijepa::cpu
