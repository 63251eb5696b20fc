#include "ijepa/device/vendor_library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;
using Folders = std::vector<fs::path>;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void add_if_there(const fs::path& folder, Folders& folders) {
  std::error_code none;
  if (fs::is_directory(folder, none) &&
      std::find(folders.begin(), folders.end(), folder) == folders.end())
    folders.push_back(folder);
}

/// Folders in `parent` in the order of their names; none where it cannot be read.
Folders children(const fs::path& parent) {
  std::error_code none;
  Folders found;
  for (const auto& entry : fs::directory_iterator(parent, none)) add_if_there(entry.path(), found);
  std::sort(found.begin(), found.end());
  return found;
}

void add_toolkit(const fs::path& root, Folders& folders) {
  for (const char* name : {"lib64", "lib"}) add_if_there(root / name, folders);
}

/// The libraries of Python packages under an installation's prefix.
void add_python(const fs::path& prefix, Folders& folders) {
  for (const auto& version : children(prefix / "lib")) {
    if (!version.filename().string().starts_with("python3")) continue;
    for (const char* packages : {"site-packages", "dist-packages"})
      for (const auto& package : children(version / packages / "nvidia"))
        add_if_there(package / "lib", folders);
  }
}

/// Prefixes of the python3 programs in PATH: of the name as it stands there, and of what it links
/// to, which may lie elsewhere.
Folders python_prefixes() {
  Folders prefixes;
  std::istringstream path(variable("PATH"));
  for (std::string folder; std::getline(path, folder, ':');) {
    const fs::path program = fs::path(folder) / "python3";
    std::error_code none;
    if (!fs::exists(program, none)) continue;
    prefixes.push_back(fs::path(folder).parent_path());
    prefixes.push_back(fs::canonical(program, none).parent_path().parent_path());
  }
  return prefixes;
}

void* open_library(const std::string& file, const std::string& package) {
  if (void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  std::string searched, broken;
  for (const auto& folder : vendor_library_folders()) {
    searched += fmt::format("{}{}", searched.empty() ? "" : ", ", folder.string());
    std::error_code none;
    if (!fs::exists(folder / file, none)) continue;
    if (void* library = dlopen((folder / file).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    if (broken.empty()) broken = dlerror();
  }
  check(broken.empty(), "{} is there but cannot be opened: {}. Install {} anew.", file, broken,
        package);
  fail(
      "{} was not found where the dynamic loader looks{}{}: install {}, or add the folder that has "
      "it to LD_LIBRARY_PATH.",
      file, searched.empty() ? "" : ", nor in ", searched, package);
}

}  // namespace

std::vector<fs::path> vendor_library_folders() {
  Folders folders;
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"})
    if (const auto root = variable(name); !root.empty()) add_toolkit(root, folders);
  add_toolkit("/usr/local/cuda", folders);
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const auto prefix = variable(name); !prefix.empty()) add_python(prefix, folders);
  for (const auto& prefix : python_prefixes()) add_python(prefix, folders);
  for (const char* prefix : {"/usr/local", "/usr"}) add_python(prefix, folders);
  return folders;
}

VendorLibrary::VendorLibrary(const std::string& file, const std::string& package)
    : file_(file), package_(package), handle_(open_library(file, package)) {}

void* VendorLibrary::address(const char* name) const {
  void* symbol = dlsym(handle_, name);
  check(symbol != nullptr, "{} has no function {}: install a newer version of {}.", file_, name,
        package_);
  return symbol;
}

}  // namespace ijepa
