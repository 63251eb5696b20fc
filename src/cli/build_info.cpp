#include "ijepa/cli/build_info.hpp"

#include <fmt/format.h>

namespace ijepa {

// In the one generated file, which alone is compiled again after a commit.
extern const char* const commit_of_build;

std::string version() {
  return IJEPA_VERSION;
}

std::string commit() {
  return commit_of_build;
}

const std::vector<std::pair<std::string, std::string>>& built_with() {
  static const std::vector<std::pair<std::string, std::string>> parts{
      {"compiler", IJEPA_COMPILER}, {"MPI", IJEPA_MPI},   {"HDF5", IJEPA_HDF5},
      {"oneDNN", IJEPA_ONEDNN},     {"CUDA", IJEPA_CUDA}, {"cuDNN", IJEPA_CUDNN},
      {"NCCL", IJEPA_NCCL}};
  return parts;
}

std::string version_text(const std::string& program) {
  std::string text = fmt::format("{} {}", program, version());
  if (!commit().empty()) text += fmt::format(" (commit {})", commit());
  for (const auto& [name, value] : built_with()) text += fmt::format("\n{:<10}{}", name, value);
  return text;
}

}  // namespace ijepa
