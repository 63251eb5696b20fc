// The memory and race checker. Kernels of the race build are compiled with -fsanitize=thread but
// without its library: the calls that the compiler emits for each access are defined here. Every
// two bytes remember their last write and read; two accesses are ordered by being of one thread, by
// a barrier between them, or by streams, events and waits of the host.
#include <sys/mman.h>

#include <cstring>

#include "control.hpp"
#include "internal.hpp"
#include "memory.hpp"

namespace emulation {
namespace {

#ifdef IJEPA_EMULATION_CHECKS_RACES
constexpr bool checking = true;
#else
constexpr bool checking = false;
#endif

struct Access {
  std::uint32_t sequence, who, block_phase;  // sequence 0: none
  std::uint16_t stream, warp_phase;
};

struct Cell {
  Access write, read;
  bool atomic_write, many_readers;
};

enum class Conflict : std::uint8_t { none, threads, blocks, streams };
const char* const conflict_names[] = {"", "another thread of the block without a barrier between",
                                      "another block", "another stream without an event between"};

Cell shared_cells[SharedMemory::capacity / 2];

Cell* device_cells(const void* p) {
  static Cell* const cells =
      static_cast<Cell*>(mmap(nullptr, arena_bytes / 2 * sizeof(Cell), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (cells == MAP_FAILED) fail("the checker's address space could not be reserved");
  return cells + arena_offset(p) / 2;
}

/// The access that is being made: block and thread in `who`.
Access present() {
  Access a{running.sequence, 0, running.block_phase, static_cast<std::uint16_t>(running.stream), 0};
  if (running.in_kernel) {
    a.who = running.block << 10 | running.thread;
    a.warp_phase = static_cast<std::uint16_t>(running.warp_phase[running.thread / 32]);
  }
  return a;
}

bool same_operation(const Access& a, const Access& b) {
  return a.stream == b.stream && a.sequence == b.sequence;
}

Conflict conflict(const Access& past, const Access& now) {
  if (past.sequence == 0) return Conflict::none;
  if (!same_operation(past, now)) {
    const Clock& known = *running.clock;
    const bool before = past.stream < known.size() && past.sequence <= known[past.stream];
    return before ? Conflict::none : Conflict::streams;
  }
  if (!running.in_kernel || past.who == now.who) return Conflict::none;
  if (past.who >> 10 != now.who >> 10) return Conflict::blocks;
  if (past.block_phase != now.block_phase) return Conflict::none;
  const bool same_warp = (past.who & 1023) / 32 == (now.who & 1023) / 32;
  return same_warp && past.warp_phase != now.warp_phase ? Conflict::none : Conflict::threads;
}

struct Place {
  const char* memory;
  unsigned allocation;
  std::ptrdiff_t offset;
};

Place place_of(const char* p) {
  if (!in_arena(p)) return {"shared", 0, p - shared.base};
  const Allocation* a = find_allocation(p);
  return {"device", a->id, p - a->base};
}

void expect_ordered(const Access& past, const Access& now, const char* pair, const char* p) {
  const Conflict found = conflict(past, now);
  if (found == Conflict::none) return;
  const Place at = place_of(p);
  fail("race: %s by %s, %s memory, allocation #%u, offset %td", pair,
       conflict_names[static_cast<int>(found)], at.memory, at.allocation, at.offset);
}

void visit_write(Cell& cell, const Access& now, const char* p) {
  if (!(running.in_atomic && cell.atomic_write))
    expect_ordered(cell.write, now, "write after a write", p);
  if (!running.in_atomic) {
    Access past = cell.read;
    if (cell.many_readers && same_operation(past, now) && past.block_phase == now.block_phase)
      past.who = now.who ^ 1;  // one of them was another thread
    expect_ordered(past, now, "write after a read", p);
  }
  cell = {now, {}, running.in_atomic, false};
}

void visit_read(Cell& cell, const Access& now, const char* p) {
  if (cell.write.sequence == 0) {
    const Place at = place_of(p);
    fail("read of uninitialised %s memory, allocation #%u, offset %td", at.memory, at.allocation,
         at.offset);
  }
  if (!(running.in_atomic && cell.atomic_write))
    expect_ordered(cell.write, now, "read after a write", p);
  if (running.in_atomic) return;
  cell.many_readers = same_operation(cell.read, now) && cell.read.block_phase == now.block_phase &&
                      (cell.many_readers || cell.read.who != now.who);
  cell.read = now;
}

void visit(Cell* cells, const char* p, std::size_t bytes, bool write) {
  const Access now = present();
  for (std::size_t i = 0; i < (bytes + 1) / 2; ++i)
    write ? visit_write(cells[i], now, p + 2 * i) : visit_read(cells[i], now, p + 2 * i);
}

void expect_inside(const char* p, std::size_t bytes) {
  const Allocation* a = find_allocation(p);
  if (a == nullptr) fail("access to unmapped device address %p", static_cast<const void*>(p));
  if (p < a->base || p + bytes > a->base + a->bytes || !a->live)
    fail("access of %zu bytes out of bounds: allocation #%u (%zu bytes%s) at byte offset %td",
         bytes, a->id, a->bytes, a->live ? "" : ", freed", p - a->base);
}

void expect_aligned(const char* p, std::size_t bytes) {
  if (reinterpret_cast<std::uintptr_t>(p) % bytes != 0)
    fail("misaligned access of %zu bytes", bytes);
}

void access(const void* address, std::size_t bytes, bool write, bool aligned) {
  const auto* p = static_cast<const char*>(address);
  if (in_arena(p)) {
    if (!arena_is_open() || running.operation == nullptr) fail("host access to device memory");
    if (aligned) expect_aligned(p, bytes);
    expect_inside(p, bytes);
    visit(device_cells(p), p, bytes, write);
  } else if (shared.base != nullptr && p >= shared.base &&
             p < shared.base + SharedMemory::capacity) {
    const auto at = static_cast<std::size_t>(p - shared.base);
    if (at + bytes > shared.used)
      fail("shared memory access out of bounds: byte %zu of %zu", at, shared.used);
    if (aligned) expect_aligned(p, bytes);
    visit(shared_cells + at / 2, p, bytes, write);
  }
}

}  // namespace

bool checks_races() {
  return checking;
}

void atomic_begin() {
  running.in_atomic = true;
}
void atomic_end() {
  running.in_atomic = false;
}

// Addresses are not used again, so cells start empty, and only those that were visited take memory.
void check_freed(const void* p, std::size_t bytes) {
  if (!checking) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(device_cells(p));
  const std::uintptr_t first = (begin + page_bytes - 1) / page_bytes * page_bytes;
  const std::uintptr_t end = (begin + bytes / 2 * sizeof(Cell)) / page_bytes * page_bytes;
  if (end > first) madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

void check_range(const void* p, std::size_t bytes, bool write) {
  if (bytes == 0) return;
  if (!in_arena(p)) fail("%p is no device memory", p);
  expect_inside(static_cast<const char*>(p), bytes);
  if (checking) visit(device_cells(p), static_cast<const char*>(p), bytes, write);
}

void check_block_start() {
  if (checking)
    std::memset(static_cast<void*>(shared_cells), 0, (shared.used + 1) / 2 * sizeof(Cell));
}

}  // namespace emulation

// NOLINTBEGIN: the compiler chooses these names.
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_read1(void* p) {
  emulation::access(p, 1, false, true);
}
void __tsan_read2(void* p) {
  emulation::access(p, 2, false, true);
}
void __tsan_read4(void* p) {
  emulation::access(p, 4, false, true);
}
void __tsan_read8(void* p) {
  emulation::access(p, 8, false, true);
}
void __tsan_read16(void* p) {
  emulation::access(p, 16, false, true);
}
void __tsan_write1(void* p) {
  emulation::access(p, 1, true, true);
}
void __tsan_write2(void* p) {
  emulation::access(p, 2, true, true);
}
void __tsan_write4(void* p) {
  emulation::access(p, 4, true, true);
}
void __tsan_write8(void* p) {
  emulation::access(p, 8, true, true);
}
void __tsan_write16(void* p) {
  emulation::access(p, 16, true, true);
}
void __tsan_unaligned_read2(void* p) {
  emulation::access(p, 2, false, false);
}
void __tsan_unaligned_read4(void* p) {
  emulation::access(p, 4, false, false);
}
void __tsan_unaligned_read8(void* p) {
  emulation::access(p, 8, false, false);
}
void __tsan_unaligned_read16(void* p) {
  emulation::access(p, 16, false, false);
}
void __tsan_unaligned_write2(void* p) {
  emulation::access(p, 2, true, false);
}
void __tsan_unaligned_write4(void* p) {
  emulation::access(p, 4, true, false);
}
void __tsan_unaligned_write8(void* p) {
  emulation::access(p, 8, true, false);
}
void __tsan_unaligned_write16(void* p) {
  emulation::access(p, 16, true, false);
}
void __tsan_read_range(void* p, unsigned long n) {
  emulation::access(p, n, false, false);
}
void __tsan_write_range(void* p, unsigned long n) {
  emulation::access(p, n, true, false);
}
}
// NOLINTEND
