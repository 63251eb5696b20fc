// The time of work on a stream, taken by events.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <functional>
#include <vector>

namespace ijepa::cuda {

/// The least time of each of several ways to do the same, in microseconds: `put(i)` puts the i-th
/// on the stream. They come in turns, so that a clock that changes treats them alike. The host
/// waits for the stream.
std::vector<double> least_times(cudaStream_t stream, std::size_t ways,
                                const std::function<void(std::size_t)>& put);

}  // namespace ijepa::cuda
