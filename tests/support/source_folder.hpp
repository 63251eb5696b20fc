// Where the sources lie that the tests belong to: their configs, docs, scripts and golden files.
#pragma once
#include <filesystem>

namespace ijepa::test {

/// The top of the repository, absolute.
std::filesystem::path source_folder();

}  // namespace ijepa::test
