// Device: memory and the operations of one processor. make_device() is the only place that knows
// which devices this build has.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ijepa/core/arena.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/device/ops.hpp"

namespace ijepa {

/// Attention of one group of sequences in bfloat16.
struct AttentionUse {
  SequenceGroup group;
  std::int64_t heads = 0, width = 0;
  bool backward = false;  // its gradient as well
};

class Device {
 public:
  virtual ~Device() = default;
  virtual Ops& ops() = 0;
  /// Uninitialised memory, aligned to Arena::alignment; an Error when there is not enough.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  /// True where the host may read and write this memory directly.
  virtual bool memory_is_host() const = 0;
  /// The queue on which ops() computes, for libraries that work on device memory themselves: a
  /// cudaStream_t, or null where operations are done when they return.
  virtual void* compute_stream() const { return nullptr; }
  /// Whether it compiles attention for each shape, which can be done ahead of need.
  virtual bool prepares_attention() const { return false; }
  /// Compiles, in the order of calls and on threads of its own. Returns at once.
  virtual void prepare_attention(const AttentionUse&) {}
  /// Bytes that allocate() could still give, where the device has a memory of its own.
  virtual std::optional<std::size_t> free_memory() const { return std::nullopt; }
  /// For the start-up table: "cpu, 2 threads, avx2".
  virtual std::string describe() const = 0;
};

struct DeviceOptions {
  std::string name = "cpu";  // "cpu", "cuda", "cuda:N"
  int threads = 0;           // CPU threads; 0: OMP_NUM_THREADS if set, else the cores it may run on
  // "auto", "avx2", "avx512", or "onednn": AVX-512 kernels, oneDNN's products where faster.
  std::string cpu_kernels = "auto";
  // GPUs: the file in which measured algorithms of products are kept; empty: none is measured.
  std::string product_algorithms{};
  // GPUs: the folder in which compiled attention is kept; empty: none is.
  std::string attention_plans{};
  Log log{};
};

/// An Error names the CMake option when the build lacks the device asked for.
std::unique_ptr<Device> make_device(const DeviceOptions& options);

/// Owns device memory.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device& device, std::size_t bytes)
      : device_(&device), data_(device.allocate(bytes)), bytes_(bytes) {}
  ~Buffer() {
    if (device_ != nullptr) device_->release(data_);
  }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void swap(Buffer& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }

  Device* device_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace ijepa
