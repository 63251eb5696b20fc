// Streams and events that are given back when their owner goes.
#pragma once
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

}  // namespace ijepa::cuda
