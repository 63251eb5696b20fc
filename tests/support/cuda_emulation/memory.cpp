#include "memory.hpp"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "control.hpp"
#include "internal.hpp"

namespace emulation {
namespace {

char* arena = nullptr;
std::size_t arena_used = 0;  // addresses, never given back
std::size_t live_bytes = 0;
bool arena_opened = false;
std::vector<Allocation> allocations;
std::map<const char*, std::size_t> pinned;

constexpr unsigned char fresh = 0xff;  // every type of float reads it as NaN
// The workspaces for products and reductions and what a small test needs are below it.
constexpr std::size_t large_arena = std::size_t{48} << 20;
constexpr unsigned closes_of_a_large_arena = 64;

void explain_fault(const char* p) {
  const Allocation* a = find_allocation(p);
  if (a == nullptr) fail("access to unmapped device address %p", static_cast<const void*>(p));
  const char* what = !a->live       ? "use after free"
                     : arena_opened ? "access out of bounds"
                                    : "host access to device memory";
  fail("%s: allocation #%u (%zu bytes) at byte offset %td", what, a->id, a->bytes, p - a->base);
}

void on_fault(int, siginfo_t* info, void*) {
  const auto* p = static_cast<const char*>(info->si_addr);
  if (in_arena(p)) explain_fault(p);
  if (is_stack_guard(p)) fail("stack overflow of an emulated thread");
  if (info->si_code == SI_KERNEL) fail("general protection fault: a misaligned vector access");
  fail("segmentation fault at %p", static_cast<const void*>(p));
}

void install_fault_handler() {
  static char stack[64 * 1024];
  const stack_t alternative{stack, 0, sizeof stack};
  sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
  sigaction(SIGBUS, &action, nullptr);
}

void reserve_arena() {
  if (arena != nullptr) return;
  void* p =
      mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) fail("%zu bytes of address space could not be reserved", arena_bytes);
  arena = static_cast<char*>(p);
  install_fault_handler();
}

Allocation& live_allocation(const void* p) {
  for (Allocation& a : allocations)
    if (a.base == p && a.live) return a;
  fail("cudaFree of %p, which is no live allocation", p);
}

}  // namespace

bool in_arena(const void* p) {
  const auto* c = static_cast<const char*>(p);
  return arena != nullptr && c >= arena && c < arena + arena_bytes;
}

std::size_t arena_offset(const void* p) {
  return static_cast<std::size_t>(static_cast<const char*>(p) - arena);
}

bool arena_is_open() {
  return arena_opened;
}

const Allocation* find_allocation(const void* p) {
  const auto* c = static_cast<const char*>(p);
  static std::size_t last = 0;
  if (last < allocations.size() && allocations[last].contains(c)) return &allocations[last];
  const auto next =
      std::upper_bound(allocations.begin(), allocations.end(), c,
                       [](const char* at, const Allocation& a) { return at < a.base; });
  if (next != allocations.begin() && c < (next - 1)->base + (next - 1)->bytes + page_bytes) {
    last = static_cast<std::size_t>(next - 1 - allocations.begin());
    return &allocations[last];
  }
  return next != allocations.end() && c + page_bytes >= next->base ? &*next : nullptr;
}

void open_arena(bool open) {
  if (open == arena_opened) return;
  static unsigned closes = 0;
  if (!open && live_bytes > large_arena && ++closes % closes_of_a_large_arena != 0) return;
  arena_opened = open;
  for (const Allocation& a : allocations)
    if (a.live) mprotect(a.first_page(), a.mapped, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void* allocate_device(std::size_t bytes) {
  reserve_arena();
  Allocation a;
  a.bytes = bytes > 0 ? bytes : 1;
  a.id = static_cast<unsigned>(allocations.size() + 1);
  a.live = true;
  a.mapped = (a.padded() + page_bytes - 1) / page_bytes * page_bytes;
  char* low = arena + arena_used + page_bytes;  // a guard page in front of and behind it
  a.base = low + (a.mapped - a.padded());
  arena_used += a.mapped + 2 * page_bytes;
  live_bytes += a.mapped;
  mprotect(low, a.mapped, PROT_READ | PROT_WRITE);
  std::memset(a.base, fresh, a.padded());
  if (!arena_opened) mprotect(low, a.mapped, PROT_NONE);
  allocations.push_back(a);
  ++stats().allocations;
  return a.base;
}

void free_device(void* p) {
  Allocation& a = live_allocation(p);
  open_arena(true);
  for (std::size_t i = a.bytes; i < a.padded(); ++i)
    if (static_cast<unsigned char>(a.base[i]) != fresh)
      fail("allocation #%u: write behind its end (byte %zu of %zu)", a.id, i, a.bytes);
  a.live = false;
  live_bytes -= a.mapped;
  mprotect(a.first_page(), a.mapped, PROT_NONE);
  madvise(a.first_page(), a.mapped, MADV_DONTNEED);
  check_freed(a.base, a.bytes);
  open_arena(false);
}

void* allocate_pinned(std::size_t bytes) {
  const std::size_t padded = (bytes / 256 + 1) * 256;
  auto* p = static_cast<char*>(std::aligned_alloc(256, padded));
  std::memset(p, fresh, padded);
  pinned[p] = bytes;
  return p;
}

void free_pinned(void* p) {
  if (pinned.erase(static_cast<char*>(p)) == 0)
    fail("cudaFreeHost of %p, which is no live pinned memory", p);
  std::free(p);
}

bool is_pinned(const void* p, std::size_t bytes) {
  const auto* c = static_cast<const char*>(p);
  auto next = pinned.upper_bound(c);
  if (next == pinned.begin()) return false;
  --next;
  return c + bytes <= next->first + next->second;
}

}  // namespace emulation
