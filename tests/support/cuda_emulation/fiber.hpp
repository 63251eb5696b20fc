// Fiber: an emulated GPU thread. One host thread runs all of them in turn, each on its own stack.
#pragma once

namespace emulation {

struct Fiber {
  void* stack_pointer = nullptr;
  const char* stack_low = nullptr;  // the guard page lies just below
};

/// A fiber that starts in `entry`, which never returns.
Fiber make_fiber(void (*entry)());

/// Leaves `from`, which must be the one that runs, for `to`.
void switch_fiber(Fiber& from, const Fiber& to);

}  // namespace emulation
