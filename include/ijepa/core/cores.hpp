// Cores: how many processors this process may use, as its launcher bound it.
#pragma once

namespace ijepa {

/// At least 1. A rank bound to two cores of a large node gets 2.
int usable_cores();

}  // namespace ijepa
