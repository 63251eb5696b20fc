// What is said of an exception of any type.
#pragma once
#include <exception>
#include <string>

namespace ijepa {

/// The words on an exception, never none: a sentence also of a lack of memory, of what the file
/// system refuses to the standard library, and of unknown types.
std::string message_of(const std::exception_ptr& error);

}  // namespace ijepa
