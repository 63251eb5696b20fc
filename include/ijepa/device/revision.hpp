// The revision of the operations' bits.
#pragma once

namespace ijepa {

/// Raised with every change after which an operation of any device rounds differently, as
/// docs/changes.md then says. Checkpoints name it, so that a run that goes on by a newer program
/// says that it will not have the bits of one that was never interrupted. 1: of version 0.1, which
/// did not write it.
constexpr int operations_revision = 2;

}  // namespace ijepa
