// parallel_for: independent pieces of work over a few threads; the first exception comes out.
#pragma once
#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace ijepa {

/// work(i), or work(i, thread), for every i in [0, count), in any order, on `threads` threads (at
/// least one); `thread` counts from 0, for buffers that each thread owns.
template <class Work>
void parallel_for(std::size_t count, int threads, const Work& work) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto run = [&](int thread) {
    try {
      for (auto i = next++; i < count; i = next++) {
        if constexpr (std::invocable<Work, std::size_t, int>)
          work(i, thread);
        else
          work(i);
      }
    } catch (...) {
      next = count;
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
    }
  };
  std::vector<std::jthread> helpers;
  for (int t = 1; t < std::min<int>(threads, static_cast<int>(count)); ++t)
    helpers.emplace_back(run, t);
  run(0);
  helpers.clear();
  if (error) std::rethrow_exception(error);
}

}  // namespace ijepa
