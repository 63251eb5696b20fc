// A vendor library that is opened when it is first needed: the programs start on machines that lack
// it.
#pragma once
#include <string>

namespace ijepa::cuda {

class SharedLibrary {
 public:
  /// open_vendor_library(): `file` is e.g. "libnccl.so.2", `what` says what to install.
  SharedLibrary(std::string file, std::string what);

  /// A function of the library; an Error names one that it lacks.
  template <class Function>
  Function find(const char* name) const {
    return reinterpret_cast<Function>(address(name));
  }

 private:
  void* address(const char* name) const;

  std::string file_, what_;
  void* handle_;
};

}  // namespace ijepa::cuda
