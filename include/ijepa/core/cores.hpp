// Cores: which processors this process may use, as its launcher bound it.
#pragma once
#include <vector>

namespace ijepa {

/// At least 1. A rank bound to two cores of a large node gets 2.
int usable_cores();

/// Their numbers, in an order in which neighbours share a core, then a package; empty where the
/// system does not tell.
std::vector<int> allowed_cores();

/// The calling thread, and those it starts from now on, run on these only.
void run_on_cores(const std::vector<int>& cores);

}  // namespace ijepa
