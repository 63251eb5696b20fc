#include "ijepa/train/step/running_targets.hpp"

#include <algorithm>
#include <functional>

#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

std::int64_t numbers(const EncoderConfig& c) {
  return 1 + (c.tokens() + 1) * c.width;
}

}  // namespace

std::size_t RunningTargets::bytes(const EncoderConfig& encoder, DType type) {
  return static_cast<std::size_t>(2 * numbers(encoder) - 1) * size_of(type);
}

RunningTargets::RunningTargets(Device& device, const EncoderConfig& encoder, DType type)
    : device_(device),
      tokens_(encoder.tokens()),
      width_(encoder.width),
      type_(type),
      moments_(device, static_cast<std::size_t>(numbers(encoder)) * size_of(type)),
      scale_memory_(device, static_cast<std::size_t>(numbers(encoder) - 1) * size_of(type)),
      flat_(make_tensor(moments_.data(), type, {numbers(encoder)})),
      scale_(target_scale(encoder, type, scale_memory_.data())) {
  upload_values(device.ops(), TargetMoments(tokens_, width_).flat(), flat_);
  refresh();
}

void RunningTargets::add(const std::vector<double>& sums) {
  if (sums_.empty()) sums_.resize(sums.size());
  std::ranges::transform(sums_, sums, sums_.begin(), std::plus<>());
}

void RunningTargets::sum_over_ranks(Communicator& comm) {
  if (sums_.empty()) return;  // a step of pixels only: on all ranks
  comm.wait(comm.all_reduce_sum_async(
      make_tensor(sums_.data(), DType::f64, {static_cast<std::int64_t>(sums_.size())})));
}

TargetMoments RunningTargets::download() const {
  TargetMoments moments(tokens_, width_);
  std::ranges::copy(download_values(device_.ops(), flat_), moments.flat().begin());
  return moments;
}

// The moments are rounded to the device's type at every step, so that a resumed run starts from
// what an uninterrupted one goes on from.
void RunningTargets::update() {
  if (sums_.empty()) return;
  TargetMoments moments = download();
  moments.update(sums_);
  forget();
  upload_values(device_.ops(), moments.flat(), flat_);
  refresh();
}

void RunningTargets::refresh() {
  const TargetMoments moments = download();
  upload_values(device_.ops(), moments.shift(), scale_.shift);
  upload_values(device_.ops(), moments.factor(), scale_.factor);
}

std::vector<NamedTensor> RunningTargets::tensors() const {
  const auto at = [&](std::int64_t first) {
    return static_cast<std::byte*>(moments_.data()) +
           static_cast<std::size_t>(first) * size_of(type_);
  };
  return {{target_moments_group, "updates", {1}, type_, at(0)},
          {target_moments_group, "mean", {tokens_, width_}, type_, at(1)},
          {target_moments_group, "variance", {width_}, type_, at(1 + tokens_ * width_)}};
}

}  // namespace ijepa
