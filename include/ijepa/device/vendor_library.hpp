// Vendor libraries (cuBLASLt, cuDNN, NCCL) opened when first used, so that one binary starts on
// machines that lack them: by the dynamic loader, in a CUDA toolkit, or in a Python installation
// whose packages bring them.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace ijepa {

/// Folders searched after those of the dynamic loader, best first: the toolkits named by CUDA_HOME
/// and CUDA_PATH and the one in /usr/local/cuda; then site-packages/nvidia/*/lib of VIRTUAL_ENV,
/// CONDA_PREFIX, each python3 in PATH, /usr/local and /usr. Only folders that exist.
std::vector<std::filesystem::path> vendor_library_folders();

class VendorLibrary {
 public:
  /// `file` is the name with its major version ("libcublasLt.so.13"), `package` what to install
  /// ("the CUDA 13 libraries"). An Error says where it was looked for, or why a file that is there
  /// could not be opened. An opened library stays until the process ends.
  VendorLibrary(const std::string& file, const std::string& package);

  /// A function of the library; an Error names one that it lacks.
  template <class Function>
  Function find(const char* name) const {
    return reinterpret_cast<Function>(address(name));
  }

 private:
  void* address(const char* name) const;

  std::string file_, package_;
  void* handle_;
};

}  // namespace ijepa
