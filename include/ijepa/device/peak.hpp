// The machine's own limits, measured: what "percent of peak" means in the trainer and benchmarks.
#pragma once
#include "ijepa/device/device.hpp"

namespace ijepa {

struct Peak {
  double gflops_f32 = 0, gflops_bf16 = 0;  // 1e9 operations a second of a large matrix product
  double gbytes = 0;                       // 1e9 bytes a second of a large copy, reads and writes

  double gflops(DType type) const { return type == DType::bf16 ? gflops_bf16 : gflops_f32; }
};

/// Numbers of -1 to 1, the same ones again and again, for operands of measurements: on zeros a GPU
/// draws less power and so computes faster. float32 and bfloat16.
void fill_random(Ops& ops, Tensor t);

/// 1e9 operations a second of a large matrix product of this type; takes an eighth of a second on a
/// CPU, half a second and a quarter of a GiB on a GPU.
double measure_gflops(Device& device, DType type);

/// Measures on the device's own threads, in about half a second; the best of several tries.
Peak measure_peak(Device& device);

}  // namespace ijepa
