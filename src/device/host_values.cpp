#include "ijepa/device/host_values.hpp"

namespace ijepa {

void upload_values(Ops& ops, std::span<const double> values, Tensor to) {
  if (to.dtype == DType::f64) return ops.upload(values.data(), to);
  const std::vector<float> narrow(values.begin(), values.end());
  ops.upload(narrow.data(), to);
}

std::vector<double> download_values(Ops& ops, Tensor from) {
  std::vector<double> wide(static_cast<std::size_t>(from.numel()));
  if (from.dtype == DType::f64) {
    ops.download(from, wide.data());
    ops.synchronize();
    return wide;
  }
  std::vector<float> narrow(wide.size());
  ops.download(from, narrow.data());
  ops.synchronize();
  wide.assign(narrow.begin(), narrow.end());
  return wide;
}

}  // namespace ijepa
