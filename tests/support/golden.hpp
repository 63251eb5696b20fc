// Golden files as tests find them: a test runs every file of its kind in IJEPA_GOLDEN_DIR (default
// ../shared/golden, else tests/golden): other directories with other files of the same kinds exist.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

#include "tests/support/golden_file.hpp"
#include "tests/support/source_folder.hpp"

namespace ijepa::test {

/// Where golden files are looked for.
inline std::filesystem::path golden_directory() {
  // Set before tests start; nothing in a test changes the environment.
  if (const char* named = std::getenv("IJEPA_GOLDEN_DIR"); named != nullptr) return named;
  const std::filesystem::path source = source_folder();
  const auto shared = source / ".." / "shared" / "golden";
  return std::filesystem::is_directory(shared) ? shared : source / "tests" / "golden";
}

/// Every file of `kind`, sorted by name: a test failure where CI=true and there is none; else the
/// caller skips: `if (files.empty()) GTEST_SKIP() << "no golden file of kind image";`
inline std::vector<std::filesystem::path> golden_files(std::string_view kind) {
  const auto directory = golden_directory();
  auto found = golden_files_in(directory, kind);
  const char* ci = std::getenv("CI");
  if (found.empty() && ci != nullptr && std::string_view(ci) == "true")
    ADD_FAILURE() << "no golden file of kind " << kind << " in " << directory;
  return found;
}

}  // namespace ijepa::test
