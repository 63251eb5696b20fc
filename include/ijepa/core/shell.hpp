// Shell commands of the system that a program asks, such as those of a batch system.
#pragma once
#include <string>

namespace ijepa {

/// The first line that a shell command prints within ten seconds; empty when it fails. It begins
/// with no signal blocked or handled, whatever this process has done with them.
std::string first_line_of(const std::string& command);

}  // namespace ijepa
