// Kernels: blocks in random order, each block's threads as fibers that are switched at barriers and
// warp operations. A block runs on one of two schedules, by lot: any thread at random, or one warp
// as far as it gets; some faults show on one of them only.
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "control.hpp"
#include "fiber.hpp"
#include "internal.hpp"
#include "memory.hpp"

namespace emulation {
namespace {

constexpr unsigned warp_size = 32, largest_block = 1024;
constexpr char canary_value = '\xee';

enum class State : std::uint8_t { ready, waiting, done };

struct Thread {
  Fiber fiber;
  uint3 index{};
  State state = State::ready;
  Where at;
};

struct Warp {
  std::uint32_t arrived = 0;
  Collective kind{};
  Where at;
  std::uint64_t in[warp_size], out[warp_size];
  int source[warp_size];
};

struct Block {
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<std::uint32_t> ready;
  std::uint32_t size = 0, at_barrier = 0, finished = 0;
  bool greedy = false;
  Where barrier;
  const std::function<void()>* body = nullptr;
};

Block block;
Fiber scheduler;
Fiber* current = &scheduler;
std::uint64_t state_of(std::uint64_t seed) {
  return 0x9e3779b97f4a7c15ULL ^ (seed * 0xbf58476d1ce4e5b9ULL + 1);
}

std::uint64_t seed_of_environment() {
  const char* seed = std::getenv("IJEPA_EMULATION_SEED");
  return seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
}

std::uint64_t random_state = state_of(seed_of_environment());

void switch_to(Fiber& next) {
  Fiber& from = *current;
  current = &next;
  switch_fiber(from, next);
}

/// Goes on with some thread that can, or with the scheduler when there is none.
void yield() {
  auto& ready = block.ready;
  if (ready.empty()) return switch_to(scheduler);
  auto& slot =
      block.greedy ? ready.back() : ready[random_below(static_cast<std::uint32_t>(ready.size()))];
  const std::uint32_t next = slot;
  slot = ready.back();
  ready.pop_back();
  threadIdx = block.threads[next].index;
  running.thread = next;
  Fiber& fiber = block.threads[next].fiber;
  if (&fiber != current) switch_to(fiber);
}

void thread_main() {
  for (;;) {
    const std::uint32_t self = running.thread;
    (*block.body)();
    block.threads[self].state = State::done;
    ++block.finished;
    yield();
  }
}

void make_ready(std::uint32_t thread) {
  block.threads[thread].state = State::ready;
  block.ready.push_back(thread);
}

void wait_at(const Where& where) {
  Thread& thread = block.threads[running.thread];
  thread.state = State::waiting;
  thread.at = where;
  yield();
}

[[noreturn]] void report_stuck() {
  std::uint32_t waiting = 0, first = 0;
  for (std::uint32_t i = block.size; i-- > 0;)
    if (block.threads[i].state != State::done) ++waiting, first = i;
  const Where& at = block.threads[first].at;
  running.thread = first;
  fail("%u threads wait for ever (the first at %s:%u); %u threads of the block have returned",
       waiting, at.file_name(), static_cast<unsigned>(at.line()), block.size - waiting);
}

void prepare_shared_memory() {
  if (shared.base == nullptr)
    shared.base =
        static_cast<char*>(mmap(nullptr, SharedMemory::capacity + SharedMemory::canary,
                                PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  std::memset(shared.base, 0xff, shared.used);
  std::memset(shared.base + shared.used, canary_value, SharedMemory::canary);
  check_block_start();
}

void check_canary() {
  for (std::size_t i = 0; i < SharedMemory::canary; ++i)
    if (shared.base[shared.used + i] != canary_value)
      fail("a kernel wrote behind its %zu bytes of shared memory", shared.used);
}

void run_block() {
  block.at_barrier = block.finished = 0;
  ++running.block_phase;
  prepare_shared_memory();
  for (auto& warp : block.warps) warp.arrived = 0;
  block.greedy = random_below(2) == 0;
  const std::uint32_t last = random_below(block.size);  // of a greedy block
  block.ready.clear();
  for (std::uint32_t i = 0; i < block.size; ++i) make_ready((i + last) % block.size);
  yield();
  if (block.finished != block.size) report_stuck();
  check_canary();
}

void prepare_threads(const dim3& shape) {
  block.size = shape.x * shape.y * shape.z;
  // Fibers keep pointers into this vector, so it must not move.
  block.threads.reserve(largest_block);
  while (block.threads.size() < block.size) {
    block.threads.emplace_back();
    block.threads.back().fiber = make_fiber(thread_main);
  }
  block.warps.resize((block.size + warp_size - 1) / warp_size);
  for (std::uint32_t i = 0; i < block.size; ++i)
    block.threads[i].index = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
}

std::vector<std::uint32_t> shuffled(std::uint32_t n) {
  std::vector<std::uint32_t> order(n);
  for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
  for (std::uint32_t i = n; i > 1; --i) std::swap(order[i - 1], order[random_below(i)]);
  return order;
}

}  // namespace

std::uint32_t random_below(std::uint32_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return static_cast<std::uint32_t>(((random_state >> 32) * n) >> 32);
}

void reseed(std::uint64_t seed) {
  random_state = state_of(seed);
  random_below(2);
}

uint3 thread_index(std::uint32_t thread) {
  return block.threads[thread].index;
}

bool is_stack_guard(const char* p) {
  for (const Thread& t : block.threads)
    if (p >= t.fiber.stack_low - page_bytes && p < t.fiber.stack_low) return true;
  return false;
}

void run_grid(const Grid& grid, const std::function<void()>& body) {
  gridDim = grid.blocks;
  blockDim = grid.threads;
  shared.used = grid.shared_bytes;
  prepare_threads(grid.threads);
  block.body = &body;
  running.in_kernel = true;
  const std::uint32_t blocks = grid.blocks.x * grid.blocks.y * grid.blocks.z;
  for (const std::uint32_t b : shuffled(blocks)) {
    running.block = b;
    blockIdx = {b % grid.blocks.x, b / grid.blocks.x % grid.blocks.y,
                b / (grid.blocks.x * grid.blocks.y)};
    run_block();
  }
  running.in_kernel = false;
  ++stats().launches;
  stats().threads += std::uint64_t{blocks} * block.size;
}

void* shared_memory() {
  return shared.base;
}

void check_aligned(const void* p, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(p) % alignment != 0)
    fail("address %p is not aligned to %zu bytes", p, alignment);
}

void block_barrier(const Where& where) {
  if (block.at_barrier == 0) block.barrier = where;
  if (block.barrier.line() != where.line() ||
      std::strcmp(block.barrier.file_name(), where.file_name()) != 0)
    fail("threads of one block are at different __syncthreads: %s:%u and line %u",
         where.file_name(), static_cast<unsigned>(where.line()),
         static_cast<unsigned>(block.barrier.line()));
  if (++block.at_barrier == block.size) {
    block.at_barrier = 0;
    ++running.block_phase;
    for (std::uint32_t i = 0; i < block.size; ++i)
      if (i != running.thread) make_ready(i);
    make_ready(running.thread);
    return yield();
  }
  wait_at(where);
}

std::uint64_t warp_collective(Collective kind, unsigned mask, std::uint64_t value, int source,
                              const Where& where) {
  const std::uint32_t self = running.thread, lane = self % warp_size;
  Warp& warp = block.warps[self / warp_size];
  if (mask != ~0U || block.size % warp_size != 0)
    fail("warp operation at %s:%u: only whole warps are supported", where.file_name(),
         static_cast<unsigned>(where.line()));
  if (warp.arrived == 0) {
    warp.kind = kind;
    warp.at = where;
  }
  if (warp.kind != kind || warp.at.line() != where.line())
    fail("lanes of one warp are at different operations: %s:%u and line %u", where.file_name(),
         static_cast<unsigned>(where.line()), static_cast<unsigned>(warp.at.line()));
  warp.in[lane] = value;
  warp.source[lane] = source;
  warp.arrived |= 1U << lane;
  if (warp.arrived != ~0U) {
    wait_at(where);
    return warp.out[lane];
  }
  warp.arrived = 0;
  if (kind == Collective::sync) ++running.warp_phase[self / warp_size];
  for (std::uint32_t i = 0; i < warp_size; ++i) {
    warp.out[i] = warp.in[warp.source[i]];
    make_ready(self / warp_size * warp_size + i);
  }
  yield();
  return warp.out[lane];
}

}  // namespace emulation
