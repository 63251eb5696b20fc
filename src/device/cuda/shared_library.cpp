#include "shared_library.hpp"

#include <dlfcn.h>

#include <utility>

#include "ijepa/core/error.hpp"

namespace ijepa::cuda {

SharedLibrary::SharedLibrary(std::string file, std::string what)
    : file_(std::move(file)),
      what_(std::move(what)),
      handle_(dlopen(file_.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  check(handle_ != nullptr,
        "{} was not found ({}): install it or add its folder to LD_LIBRARY_PATH.", file_, what_);
}

void* SharedLibrary::address(const char* name) const {
  void* symbol = dlsym(handle_, name);
  check(symbol != nullptr, "{} has no function {} ({}): install a newer one.", file_, name, what_);
  return symbol;
}

}  // namespace ijepa::cuda
