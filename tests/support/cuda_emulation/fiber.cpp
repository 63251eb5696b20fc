#include "fiber.hpp"

#include <sys/mman.h>

#include <cstddef>

#include "memory.hpp"

#ifndef __x86_64__
#error "The CUDA emulation switches stacks on x86-64 only: configure with -DIJEPA_CUDA=OFF."
#endif

extern "C" void emulation_switch_stack(void** save, void* load);
asm(R"(
.text
.type emulation_switch_stack,@function
emulation_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulation_switch_stack,.-emulation_switch_stack
)");

namespace emulation {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024;
constexpr int saved_registers = 6;

}  // namespace

Fiber make_fiber(void (*entry)()) {
  auto* base = static_cast<char*>(mmap(nullptr, stack_bytes + page_bytes, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  mprotect(base, page_bytes, PROT_NONE);
  Fiber fiber;
  fiber.stack_low = base + page_bytes;
  // The first switch pops the registers and "returns" into entry, with the stack aligned as after a
  // call.
  auto** top = reinterpret_cast<void**>(base + page_bytes + stack_bytes) - 1;
  *top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  fiber.stack_pointer = top - saved_registers;
  return fiber;
}

void switch_fiber(Fiber& from, const Fiber& to) {
  emulation_switch_stack(&from.stack_pointer, to.stack_pointer);
}

}  // namespace emulation
