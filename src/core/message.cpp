#include "ijepa/core/message.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <new>

namespace ijepa {

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "Out of memory.";
  } catch (const std::filesystem::filesystem_error& e) {
    return fmt::format("Cannot use {}: {}.", e.path1().string(), e.code().message());
  } catch (const std::exception& e) {
    return *e.what() != 0 ? e.what() : "Unknown error.";
  } catch (...) {
    return "An exception of an unknown type was thrown.";
  }
}

}  // namespace ijepa
