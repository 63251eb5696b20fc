#include "ijepa/device/peak.hpp"

#include <algorithm>
#include <chrono>

namespace ijepa {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Shortest time of one call of f within a time budget, after one call to warm up.
template <class F>
double best_time(Ops& ops, double budget, F&& f) {
  f();
  ops.synchronize();
  double best = 1e30;
  const auto start = Clock::now();
  do {
    const auto begin = Clock::now();
    f();
    ops.synchronize();
    best = std::min(best, seconds_since(begin));
  } while (seconds_since(start) < budget);
  return best;
}

}  // namespace

double measure_gflops(Device& device, DType type) {
  constexpr std::int64_t n = 768;
  const Buffer memory(device, 3 * n * n * size_of(type));
  auto* data = static_cast<std::byte*>(memory.data());
  const auto matrix = [&](std::int64_t i) {
    return make_tensor(data + i * n * n * static_cast<std::int64_t>(size_of(type)), type, {n, n});
  };
  device.ops().fill_zero(make_tensor(data, type, {3 * n * n}));
  const double time = best_time(device.ops(), 0.12, [&] {
    device.ops().linear_forward(matrix(0), matrix(1), {}, matrix(2));
  });
  return 2e-9 * n * n * n / time;
}

namespace {

double copy_rate(Device& device) {
  constexpr std::int64_t n = std::int64_t{1} << 24;  // 64 MiB a side: above any last-level cache
  const Buffer memory(device, 2 * n * sizeof(float));
  auto* data = static_cast<float*>(memory.data());
  const auto x = make_tensor(data, DType::f32, {n}), y = make_tensor(data + n, DType::f32, {n});
  device.ops().fill_zero(x);
  const double time = best_time(device.ops(), 0.1, [&] { device.ops().copy(x, y); });
  return 2e-9 * static_cast<double>(n) * sizeof(float) / time;
}

}  // namespace

Peak measure_peak(Device& device) {
  return {measure_gflops(device, DType::f32), measure_gflops(device, DType::bf16),
          copy_rate(device)};
}

}  // namespace ijepa
