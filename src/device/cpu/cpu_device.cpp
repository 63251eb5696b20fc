#include "cpu_device.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <omp.h>
#include <sys/mman.h>

#include <cstdlib>

#include "cpu_ops.hpp"
#include "ijepa/core/cores.hpp"
#include "onednn.hpp"

namespace ijepa::cpu {
namespace {

/// Bit 23 of EDX of leaf 7 (Intel's Software Developer's Manual, CPUID): not every compiler that
/// this is built by has a name for it.
bool has_avx512_fp16() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 23 & 1U) != 0;
#else
  return false;
#endif
}

constexpr std::size_t huge_page = std::size_t{2} << 20;

Processor processor() {
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return {avx512, avx512 && has_avx512_fp16()};
}

class CpuDevice final : public Device {
 public:
  CpuDevice(int threads, const KernelChoice& choice)
      : threads_(threads), choice_(choice), ops_(threads, choice) {}

  Ops& ops() override { return ops_; }

  void* allocate(std::size_t bytes) override {
    const std::size_t unit = bytes < 2 * huge_page ? Arena::alignment : huge_page;
    const std::size_t padded = (std::max<std::size_t>(bytes, 1) + unit - 1) / unit * unit;
    void* memory = std::aligned_alloc(unit, padded);
    check(memory != nullptr, "This machine has not enough memory for another {:.1f} MiB.",
          static_cast<double>(bytes) / (1024.0 * 1024.0));
    // A step walks through all of it many times: with small pages the processor spends its time on
    // finding them. Where the system has no huge ones, nothing changes.
    if (unit == huge_page) ::madvise(memory, padded, MADV_HUGEPAGE);
    return memory;
  }

  void release(void* memory) noexcept override { std::free(memory); }

  bool memory_is_host() const override { return true; }
  std::string describe() const override {
    return fmt::format("cpu, {} thread{}, {}{}{}", threads_, threads_ == 1 ? "" : "s",
                       choice_.kernels.name(), choice_.onednn ? " with " + OneDnn::describe() : "",
                       choice_.float16 != nullptr ? ", products in float16" : "");
  }

 private:
  int threads_;
  KernelChoice choice_;
  CpuOps ops_;
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(int threads, const std::string& kernels) {
  check(threads >= 0, "The number of CPU threads is {}: give 0 (all cores) or more.", threads);
  return std::make_unique<CpuDevice>(
      threads > 0 ? threads : std::min(usable_cores(), omp_get_max_threads()),
      choose_kernels(kernels, processor()));
}

}  // namespace ijepa::cpu
