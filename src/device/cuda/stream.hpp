// Streams and events that are given back when their owner goes.
#pragma once
#include <cmath>

#include "status.hpp"

namespace ijepa::cuda {

/// A stream that does not wait for the default stream.
struct Stream {
  cudaStream_t handle = nullptr;
  Stream() {
    check_cuda(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "making a stream");
  }
  ~Stream() { cudaStreamDestroy(handle); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
};

/// A mark in the work of one stream that another waits for; it takes no times.
struct Event {
  cudaEvent_t handle = nullptr;
  Event() {
    check_cuda(cudaEventCreateWithFlags(&handle, cudaEventDisableTiming), "making an event");
  }
  ~Event() { cudaEventDestroy(handle); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// Marks what `from` was given until now.
  void record(cudaStream_t from) const {
    check_cuda(cudaEventRecord(handle, from), "recording an event");
  }
  /// What `to` is given from now on waits for the newest mark, if there is one; the host does not.
  void hold(cudaStream_t to) const {
    check_cuda(cudaStreamWaitEvent(to, handle, 0), "waiting for an event");
  }
  void order(cudaStream_t from, cudaStream_t to) const {
    record(from);
    hold(to);
  }
};

/// A mark in the work of one stream that knows when it was passed.
struct TimedEvent {
  cudaEvent_t handle = nullptr;
  TimedEvent() {
    check_cuda(cudaEventCreateWithFlags(&handle, cudaEventDefault), "making an event");
  }
  ~TimedEvent() { cudaEventDestroy(handle); }
  TimedEvent(const TimedEvent&) = delete;
  TimedEvent& operator=(const TimedEvent&) = delete;

  void record(cudaStream_t stream) const {
    check_cuda(cudaEventRecord(handle, stream), "recording an event");
  }
  /// The host waits until this event has been passed. Whole nanoseconds: more is not measured.
  double microseconds_since(const TimedEvent& begin) const {
    check_cuda(cudaEventSynchronize(handle), "waiting for an event");
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin.handle, handle), "taking a time");
    return std::round(1e6 * static_cast<double>(milliseconds)) / 1e3;
  }
};

}  // namespace ijepa::cuda
