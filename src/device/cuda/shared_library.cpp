#include "shared_library.hpp"

#include <dlfcn.h>

#include <utility>

#include "ijepa/core/error.hpp"
#include "ijepa/device/vendor_library.hpp"

namespace ijepa::cuda {

SharedLibrary::SharedLibrary(std::string file, std::string what)
    : file_(std::move(file)), what_(std::move(what)), handle_(open_vendor_library(file_, what_)) {}

void* SharedLibrary::address(const char* name) const {
  void* symbol = dlsym(handle_, name);
  check(symbol != nullptr, "{} has no function {} ({}): install a newer one.", file_, name, what_);
  return symbol;
}

}  // namespace ijepa::cuda
