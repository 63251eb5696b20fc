#include "cpu_device.hpp"

#include <omp.h>

#include <cstdlib>

#include "cpu_ops.hpp"

namespace ijepa::cpu {
namespace {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(int threads) : threads_(threads), ops_(threads) {}

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
    return fmt::format("cpu, {} thread{}, {}", threads_, threads_ == 1 ? "" : "s",
                       best_kernels().name());
  }

 private:
  int threads_;
  CpuOps ops_;
};

}  // namespace

std::unique_ptr<Device> make_cpu_device(int threads) {
  check(threads >= 0, "The number of CPU threads is {}: give 0 (all cores) or more.", threads);
  return std::make_unique<CpuDevice>(
      threads > 0 ? threads : std::min(omp_get_num_procs(), omp_get_max_threads()));
}

}  // namespace ijepa::cpu
