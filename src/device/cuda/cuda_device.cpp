#include "cuda_device.hpp"

#include <algorithm>
#include <charconv>

#include "cuda_ops.hpp"
#include "device_memory.hpp"
#include "ijepa/core/cores.hpp"
#include "kernel_image.hpp"
#include "matmul.hpp"
#include "stream.hpp"

namespace ijepa::cuda {
namespace {

constexpr std::size_t staging_half = std::size_t{16} << 20;
constexpr double gib = 1024.0 * 1024 * 1024;

int device_index(const std::string& name) {
  if (name == "cuda") return 0;
  const std::string digits = name.substr(name.find(':') + 1);
  int index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  check(error == std::errc() && end == digits.data() + digits.size() && index >= 0,
        "The device \"{}\" is unknown: after \"cuda:\" comes the number of a GPU, from 0.", name);
  return index;
}

int count_devices() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0;
    cudaDriverGetVersion(&driver);
    check(driver > 0,
          "This machine has no NVIDIA driver: set device to \"cpu\", or run where a GPU is "
          "installed.");
    fail(
        "The NVIDIA driver is for CUDA {}.{}, but this program was built with CUDA {}.{}: update "
        "the driver, or set device to \"cpu\".",
        driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  }
  check(status != cudaErrorNoDevice && (status != cudaSuccess || count > 0),
        "This machine has no GPU that CUDA can see: set device to \"cpu\", or look at "
        "CUDA_VISIBLE_DEVICES.");
  check_cuda(status, "counting the GPUs");
  return count;
}

cudaDeviceProp select_device(const std::string& name) {
  const int index = device_index(name), count = count_devices();
  check(index < count, "The device \"{}\" was asked for, but this machine has {} GPU{}.", name,
        count, count == 1 ? "" : "s");
  check_cuda(cudaSetDevice(index), "choosing the GPU");
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, index), "asking for the GPU's properties");
  check(properties.major >= 8,
        "The GPU {} has compute capability {}.{}, but 8.0 or newer is needed (A100 or newer).",
        properties.name, properties.major, properties.minor);
  const cudaError_t image = kernel_image_status();
  check(
      image != cudaErrorNoKernelImageForDevice,
      "The GPU {} has compute capability {}.{}, for which this program holds no code (it was built "
      "for {}): configure with -DIJEPA_CUDA_ARCHITECTURES={}{} and build again.",
      properties.name, properties.major, properties.minor, IJEPA_CUDA_ARCHITECTURES,
      properties.major, properties.minor);
  check_cuda(image, "looking for the kernels' code");
  return properties;
}

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(const DeviceOptions& options)
      : properties_(select_device(options.name)),
        staging_(staging_half),
        inputs_(staging_half),
        workspace_(gpu_memory.reductions),
        matmul_(make_matmul(stream_.handle, {options.product_algorithms, gpu(), options.log})),
        attention_(make_attention_library(stream_.handle, planning(options))),
        ops_(stream_.handle, staging_, inputs_, *matmul_, *attention_,
             {workspace_.data, gpu_memory.reductions}) {}
  /// Computation waits for the copies of its inputs, so these are done as well.
  ~CudaDevice() override { cudaStreamSynchronize(stream_.handle); }

  Ops& ops() override { return ops_; }
  void* allocate(std::size_t bytes) override { return allocate_on_gpu(bytes); }
  void release(void* memory) noexcept override { cudaFree(memory); }
  bool memory_is_host() const override { return false; }
  std::optional<std::size_t> free_memory() const override { return free_on_gpu().free; }
  void* compute_stream() const override { return stream_.handle; }
  bool prepares_attention() const override { return true; }
  void prepare_attention(const AttentionUse& use) override {
    const AttentionShape s{use.group.count, use.group.length, use.heads, use.width / use.heads,
                           use.group.asking};
    if (!library_takes(s)) return;
    attention_->prepare(s, false);
    if (!use.backward) return;
    for_each_part(s, [&](std::int64_t, std::int64_t count) {
      attention_->prepare({count, s.length, s.heads, s.dim, s.asking}, true);
    });
  }
  std::string describe() const override {
    return fmt::format("cuda, {}, {:.0f} GiB, {}", properties_.name,
                       static_cast<double>(properties_.totalGlobalMem) / gib, capability());
  }

 private:
  std::string capability() const {
    return fmt::format("compute capability {}.{}", properties_.major, properties_.minor);
  }
  /// Half of the cores: the others decode images.
  AttentionPlanning planning(const DeviceOptions& options) const {
    return {options.attention_plans, gpu(), std::max(1, usable_cores() / 2), options.log};
  }
  std::string gpu() const { return fmt::format("{}, {}", properties_.name, capability()); }

  cudaDeviceProp properties_;
  Stream stream_;
  Staging staging_;
  InputCopies inputs_;
  DeviceMemory workspace_;
  std::unique_ptr<Matmul> matmul_;
  std::unique_ptr<AttentionLibrary> attention_;
  CudaOps ops_;
};

}  // namespace

std::unique_ptr<Device> make_cuda_device(const DeviceOptions& options) {
  return std::make_unique<CudaDevice>(options);
}

}  // namespace ijepa::cuda
