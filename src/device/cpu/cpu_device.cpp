#include "cpu_device.hpp"

#include <omp.h>

#include <cstdlib>

#include "cpu_ops.hpp"
#include "ijepa/core/cores.hpp"
#include "onednn.hpp"

namespace ijepa::cpu {
namespace {

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

class CpuDevice final : public Device {
 public:
  CpuDevice(int threads, const KernelChoice& choice)
      : threads_(threads), choice_(choice), ops_(threads, choice) {}

  Ops& ops() override { return ops_; }

  void* allocate(std::size_t bytes) override {
    const std::size_t padded = (bytes + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
    void* memory = std::aligned_alloc(Arena::alignment, std::max(padded, Arena::alignment));
    check(memory != nullptr, "This machine has not enough memory for another {:.1f} MiB.",
          static_cast<double>(bytes) / (1024.0 * 1024.0));
    return memory;
  }

  void release(void* memory) noexcept override { std::free(memory); }

  bool memory_is_host() const override { return true; }
  std::string describe() const override {
    return fmt::format("cpu, {} thread{}, {}{}", threads_, threads_ == 1 ? "" : "s",
                       choice_.kernels.name(), choice_.onednn ? " with " + OneDnn::describe() : "");
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
      choose_kernels(kernels, has_avx512()));
}

}  // namespace ijepa::cpu
