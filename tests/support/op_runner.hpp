// Runs an operation case on an Ops with operands of chosen types; values go in and come out as
// double, so that two runs can be compared whatever their types.
#pragma once
#include <cmath>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/device/device.hpp"
#include "tests/support/op_cases.hpp"

namespace ijepa::test {

using Values = std::vector<double>;

/// `value` as an element of the type holds it.
inline double rounded(double value, DType type) {
  switch (type) {
    case DType::f32:
      return static_cast<float>(value);
    case DType::bf16:
      return static_cast<float>(BFloat16(static_cast<float>(value)));
    case DType::u8:
    case DType::u16:
      return std::floor(value);
    default:
      return value;
  }
}

inline void store(const Values& values, DType type, void* data) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (type) {
      case DType::f64:
        static_cast<double*>(data)[i] = values[i];
        break;
      case DType::f32:
        static_cast<float*>(data)[i] = static_cast<float>(values[i]);
        break;
      case DType::bf16:
        static_cast<BFloat16*>(data)[i] = BFloat16(static_cast<float>(values[i]));
        break;
      case DType::i32:
        static_cast<std::int32_t*>(data)[i] = static_cast<std::int32_t>(values[i]);
        break;
      case DType::u8:
        static_cast<std::uint8_t*>(data)[i] = static_cast<std::uint8_t>(values[i]);
        break;
      case DType::u16:
        static_cast<std::uint16_t*>(data)[i] = static_cast<std::uint16_t>(values[i]);
        break;
    }
  }
}

inline Values load(const void* data, DType type, std::size_t count) {
  Values values(count);
  for (std::size_t i = 0; i < count; ++i) {
    switch (type) {
      case DType::f64:
        values[i] = static_cast<const double*>(data)[i];
        break;
      case DType::f32:
        values[i] = static_cast<const float*>(data)[i];
        break;
      case DType::bf16:
        values[i] = static_cast<float>(static_cast<const BFloat16*>(data)[i]);
        break;
      case DType::i32:
        values[i] = static_cast<const std::int32_t*>(data)[i];
        break;
      case DType::u8:
        values[i] = static_cast<const std::uint8_t*>(data)[i];
        break;
      case DType::u16:
        values[i] = static_cast<const std::uint16_t*>(data)[i];
        break;
    }
  }
  return values;
}

/// A tensor of host values on a device, for the length of a test.
class DeviceValues {
 public:
  DeviceValues(Device& device, const std::vector<std::int64_t>& shape, DType type,
               const Values& values)
      : device_(&device), buffer_(device, values.size() * size_of(type)) {
    tensor_ = {buffer_.data(), type, static_cast<int>(shape.size()), {}};
    std::copy(shape.begin(), shape.end(), tensor_.shape.begin());
    std::vector<std::byte> host(tensor_.bytes());
    store(values, type, host.data());
    device.ops().upload(host.data(), tensor_);
  }
  const Tensor& tensor() const { return tensor_; }
  Values values() const {
    std::vector<std::byte> host(tensor_.bytes());
    device_->ops().download(tensor_, host.data());
    device_->ops().synchronize();
    return load(host.data(), tensor_.dtype, static_cast<std::size_t>(tensor_.numel()));
  }

 private:
  Device* device_;
  Buffer buffer_;
  Tensor tensor_;
};

/// Random values of every operand, exact in the types of `precision`. Outputs start as garbage.
inline std::vector<Values> random_operands(const OpCase& c, const Precision& precision) {
  std::vector<Values> all;
  for (const auto& operand : c.operands) {
    std::size_t count = 1;
    for (const auto s : operand.shape) count *= static_cast<std::size_t>(s);
    Rng rng(17, Purpose::test, 0, 0, all.size());
    Values values(count);
    for (std::size_t i = 0; i < count; ++i)
      values[i] = operand.role == Role::output  ? -77.0
                  : operand.kind == Kind::index ? operand.indices[i]
                                                : rounded(rng.uniform(operand.low, operand.high),
                                                          precision.values_of(operand.kind));
    all.push_back(std::move(values));
  }
  return all;
}

/// Runs the case on the device; the operands' values afterwards.
inline std::vector<Values> run_case(const OpCase& c, const Precision& precision, Device& device,
                                    Ops& ops, const std::vector<Values>& values) {
  std::vector<DeviceValues> operands;
  std::vector<Tensor> tensors;
  operands.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    operands.emplace_back(device, c.operands[i].shape, precision.type_of(c.operands[i].kind),
                          values[i]);
    tensors.push_back(operands.back().tensor());
  }
  c.run(ops, tensors);
  std::vector<Values> results;
  for (const auto& operand : operands) results.push_back(operand.values());
  return results;
}

/// The same with every floating operand in float64 host memory: for ReferenceOps.
inline std::vector<Values> run_reference(const OpCase& c, Ops& reference,
                                         std::vector<Values> values) {
  std::vector<std::vector<std::byte>> exact(values.size());
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto kind = c.operands[i].kind;
    Tensor t{values[i].data(), DType::f64, static_cast<int>(c.operands[i].shape.size()), {}};
    std::copy(c.operands[i].shape.begin(), c.operands[i].shape.end(), t.shape.begin());
    if (kind == Kind::index || kind == Kind::byte || kind == Kind::sample) {
      t.dtype = Precision{}.type_of(kind);
      exact[i].resize(t.bytes());
      store(values[i], t.dtype, exact[i].data());
      t.data = exact[i].data();
    }
    tensors.push_back(t);
  }
  c.run(reference, tensors);
  return values;
}

}  // namespace ijepa::test
