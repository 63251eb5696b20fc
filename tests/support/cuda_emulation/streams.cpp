// Streams: queues of operations that run only while the host waits, a random stream that can go on
// at a time. Events order them, and carry what is known to have happened before.
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>

#include "control.hpp"
#include "internal.hpp"
#include "memory.hpp"

struct CUstream_st {
  unsigned id = 0;
  std::deque<emulation::Operation> queue;
  emulation::Clock clock;
  std::uint32_t sequence = 0;
  double microseconds = 0;  // what its operations took
};

struct CUevent_st {
  std::uint64_t recorded = 0, done = 0;  // newest record asked for, newest record that ran
  emulation::Clock clock;
  bool timed = false;
  double microseconds = 0;  // of the stream when it was passed
};

namespace emulation {
namespace {

struct Wait {
  const Operation* operation;
  cudaEvent_t event;
  std::uint64_t version;
};

std::recursive_mutex api;
std::vector<std::unique_ptr<CUstream_st>> streams;
std::vector<Wait> waits;  // operations that an event holds back
Clock host_clock;

void merge(Clock& to, const Clock& from) {
  if (to.size() < from.size()) to.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = std::max(to[i], from[i]);
}

bool can_run(const CUstream_st& s) {
  if (s.queue.empty()) return false;
  for (const Wait& w : waits)
    if (w.operation == &s.queue.front()) return w.event->done >= w.version;
  return true;
}

void run_first(CUstream_st& s) {
  std::erase_if(waits, [&](const Wait& w) { return w.operation == &s.queue.front(); });
  const Operation operation = std::move(s.queue.front());
  s.queue.pop_front();
  merge(s.clock, operation.host);
  if (s.clock.size() <= s.id) s.clock.resize(s.id + 1);
  s.clock[s.id] = ++s.sequence;
  running.operation = &operation;
  running.stream = s.id;
  running.sequence = s.sequence;
  running.clock = &s.clock;
  open_arena(true);
  operation.run();
  running.operation = nullptr;
  ++stats().operations;
}

template <class Stop>
void drain_until(Stop&& stop) {
  ++stats().waits;
  while (!stop()) {
    std::vector<CUstream_st*> able;
    for (const auto& s : streams)
      if (can_run(*s)) able.push_back(s.get());
    if (able.empty()) fail("streams wait for an event that nothing will record");
    run_first(*able[random_below(static_cast<std::uint32_t>(able.size()))]);
  }
  open_arena(false);
}

bool all_idle() {
  for (const auto& s : streams)
    if (!s->queue.empty()) return false;
  return true;
}

void check_launch(const Grid& g, const Where& where) {
  const auto threads = std::uint64_t{g.threads.x} * g.threads.y * g.threads.z;
  const bool shape = threads > 0 && threads <= 1024 && g.threads.z <= 64 && g.blocks.x > 0 &&
                     g.blocks.x < (1U << 31) && g.blocks.y > 0 && g.blocks.y <= 65535 &&
                     g.blocks.z > 0 && g.blocks.z <= 65535;
  if (!shape || g.shared_bytes > SharedMemory::capacity)
    fail("invalid launch at %s:%u: grid (%u,%u,%u), block (%u,%u,%u), %zu bytes of shared memory",
         where.file_name(), static_cast<unsigned>(where.line()), g.blocks.x, g.blocks.y, g.blocks.z,
         g.threads.x, g.threads.y, g.threads.z, g.shared_bytes);
}

}  // namespace

void fail(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "cuda emulation: %s\n", text);
  if (const Operation* o = running.operation; o != nullptr)
    std::fprintf(stderr, "cuda emulation:   in the %s enqueued at %s:%u\n", o->kind,
                 o->where.file_name(), static_cast<unsigned>(o->where.line()));
  if (running.in_kernel) {
    const uint3 t = thread_index(running.thread);
    std::fprintf(stderr, "cuda emulation:   block (%u,%u,%u), thread (%u,%u,%u)\n", blockIdx.x,
                 blockIdx.y, blockIdx.z, t.x, t.y, t.z);
  }
  std::fflush(nullptr);
  _exit(99);
}

void enqueue(const char* what, cudaStream_t stream, const Where& where,
             std::function<void()> work) {
  const std::lock_guard lock(api);
  if (stream == nullptr) fail("a %s was put on the default stream: pass a stream", what);
  stream->queue.push_back({std::move(work), host_clock, what, where});
}

void take_time(double microseconds) {
  streams[running.stream]->microseconds += microseconds;
}

void launch(const Grid& grid, cudaStream_t stream, const Where& where, std::function<void()> body) {
  check_launch(grid, where);
  enqueue("kernel", stream, where, [grid, body = std::move(body)] { run_grid(grid, body); });
}

void drain_all() {
  drain_until(all_idle);
  for (const auto& s : streams) merge(host_clock, s->clock);
}

}  // namespace emulation

using namespace emulation;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* out, unsigned) {
  const std::lock_guard lock(api);
  streams.push_back(std::make_unique<CUstream_st>());
  streams.back()->id = static_cast<unsigned>(streams.size() - 1);
  *out = streams.back().get();
  return cudaSuccess;
}

/// The queue stays, empty: its number is in clocks.
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  return cudaStreamSynchronize(s);
}

cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  const std::lock_guard lock(api);
  drain_until([s] { return s->queue.empty(); });
  merge(host_clock, s->clock);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t event, unsigned) {
  const std::lock_guard lock(api);
  if (event->recorded == 0) return cudaSuccess;
  enqueue("event wait", s, Where::current(), [event, s] { merge(s->clock, event->clock); });
  waits.push_back({&s->queue.back(), event, event->recorded});
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* out, unsigned flags) {
  *out = new CUevent_st;
  (*out)->timed = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::lock_guard lock(api);
  drain_until([event] { return event->done >= event->recorded; });
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t s) {
  const std::lock_guard lock(api);
  const auto version = ++event->recorded;
  enqueue("event record", s, Where::current(), [event, s, version] {
    event->done = version;
    event->clock = s->clock;
    event->microseconds = s->microseconds;
  });
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::lock_guard lock(api);
  drain_until([event, version = event->recorded] { return event->done >= version; });
  merge(host_clock, event->clock);
  return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const std::lock_guard lock(api);
  if (!begin->timed || !end->timed) return cudaErrorInvalidResourceHandle;
  for (const auto* event : {begin, end}) {
    if (event->recorded == 0) return cudaErrorInvalidResourceHandle;
    if (event->done < event->recorded) return cudaErrorNotReady;
  }
  *milliseconds = static_cast<float>(1e-3 * (end->microseconds - begin->microseconds));
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  const std::lock_guard lock(api);
  drain_all();
  return cudaSuccess;
}
}
