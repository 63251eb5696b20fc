// Emulated device memory: a reserved range of addresses that only running operations may touch.
// Fresh memory holds NaN, every allocation ends at a guard page, and addresses are never reused.
#pragma once
#include <cstddef>

namespace emulation {

constexpr std::size_t arena_bytes = std::size_t{1} << 36, page_bytes = 4096;

struct Allocation {
  char* base = nullptr;
  std::size_t bytes = 0, mapped = 0;
  unsigned id = 0;  // from 1, in the order of allocation
  bool live = false;

  std::size_t padded() const { return (bytes + 255) / 256 * 256; }
  char* first_page() const { return base - (mapped - padded()); }
  bool contains(const char* p) const { return p >= base && p < base + bytes; }
};

/// The allocation that holds or lies next to an address, or null.
const Allocation* find_allocation(const void* p);
bool in_arena(const void* p);
/// Bytes from the start of the arena.
std::size_t arena_offset(const void* p);

/// Whether device memory can be touched now. Closing a large arena is done only now and then:
/// changing the protection costs about 0.1 us a page.
bool arena_is_open();
void open_arena(bool open);

void* allocate_device(std::size_t bytes);
/// A run-time failure if the bytes behind the allocation were written, or it is not live.
void free_device(void* p);

void* allocate_pinned(std::size_t bytes);
void free_pinned(void* p);
bool is_pinned(const void* p, std::size_t bytes);

}  // namespace emulation
