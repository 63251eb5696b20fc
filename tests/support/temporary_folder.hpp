// TemporaryFolder: a fresh folder that goes away with its test.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

#include "ijepa/core/error.hpp"

namespace ijepa::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "ijepa_test_XXXXXX").string();
    check(mkdtemp(pattern.data()) != nullptr, "No temporary folder {} could be made.", pattern);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace ijepa::test
