#include "ijepa/device/peak.hpp"

#include <algorithm>
#include <ctime>
#include <vector>

#include "ijepa/core/clock.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

/// Seconds since some moment. On a CPU those that this thread has had: it computes its share of
/// every operation itself, and what other programs take of a busy machine is no time of ours.
double seconds_of(const Device& device) {
  if (!device.memory_is_host()) return seconds_since({});
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Shortest time of one call of f within a time budget, after one call to warm up. Calls that take
/// less than a millisecond are timed in rows: a GPU takes as long to start one and be waited for.
template <class F>
double best_time(Device& device, double budget, F&& f) {
  Ops& ops = device.ops();
  f();
  ops.synchronize();
  double best = 1e30;
  int calls = 1;
  const auto start = Clock::now();
  do {
    const double begin = seconds_of(device);
    for (int i = 0; i < calls; ++i) f();
    ops.synchronize();
    const double seconds = seconds_of(device) - begin;
    best = std::min(best, seconds / calls);
    if (seconds < 1e-3) calls *= 2;
  } while (seconds_since(start) < budget);
  return best;
}

/// Shortest time of a product of two (n, n) matrices.
double product_time(Device& device, DType type, std::int64_t n) {
  const auto bytes = static_cast<std::size_t>(n * n) * size_of(type);
  const Buffer memory(device, 3 * bytes);
  const auto matrix = [&](std::size_t i) {
    return make_tensor(static_cast<std::byte*>(memory.data()) + i * bytes, type, {n, n});
  };
  for (std::size_t i = 0; i < 2; ++i) fill_random(device.ops(), matrix(i));
  return best_time(device, device.memory_is_host() ? 0.05 : 0.12,
                   [&] { device.ops().linear_forward(matrix(0), matrix(1), {}, matrix(2)); });
}

double copy_rate(Device& device) {
  constexpr std::int64_t n = std::int64_t{1} << 24;  // 64 MiB a side: above any last-level cache
  const Buffer memory(device, 2 * n * sizeof(float));
  auto* data = static_cast<float*>(memory.data());
  const auto x = make_tensor(data, DType::f32, {n}), y = make_tensor(data + n, DType::f32, {n});
  fill_random(device.ops(), x);
  const double time = best_time(device, 0.1, [&] { device.ops().copy(x, y); });
  return 2e-9 * static_cast<double>(n) * sizeof(float) / time;
}

}  // namespace

void fill_random(Ops& ops, Tensor t) {
  constexpr std::int64_t block = std::int64_t{1} << 16;
  Rng rng(1, Purpose::test);
  std::vector<float> single(static_cast<std::size_t>(std::min(block, t.numel())));
  for (float& x : single) x = static_cast<float>(rng.uniform(-1, 1));
  const std::vector<BFloat16> half(single.begin(), single.end());
  const std::vector<double> wide(single.begin(), single.end());
  check(t.dtype == DType::f32 || t.dtype == DType::bf16 || t.dtype == DType::f64,
        "fill_random cannot fill a {} tensor.", name_of(t.dtype));
  for (std::int64_t at = 0; at < t.numel(); at += block) {
    const auto data =
        static_cast<std::byte*>(t.data) + at * static_cast<std::int64_t>(size_of(t.dtype));
    const Tensor part = make_tensor(data, t.dtype, {std::min(block, t.numel() - at)});
    if (t.dtype == DType::f32) ops.upload(single.data(), part);
    if (t.dtype == DType::bf16) ops.upload(half.data(), part);
    if (t.dtype == DType::f64) ops.upload(wide.data(), part);
  }
}

double measure_gflops(Device& device, DType type) {
  // Large enough that the time is that of arithmetic: a GPU needs larger ones than a CPU.
  for (std::int64_t n = 768;; n *= 2) {
    const double time = product_time(device, type, n);
    const auto side = static_cast<double>(n);
    if (time > 3e-4 || n >= 6144) return 2e-9 * side * side * side / time;
  }
}

Peak measure_peak(Device& device) {
  return {measure_gflops(device, DType::f32), measure_gflops(device, DType::bf16),
          copy_rate(device)};
}

}  // namespace ijepa
