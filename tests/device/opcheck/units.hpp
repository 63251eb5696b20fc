// Units of the op check: what can be checked apart from the rest. Operations and golden steps are
// listed by two sources, because their tests' helpers share names.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ijepa/device/device.hpp"
#include "tests/support/finding.hpp"

namespace ijepa::test {

struct Unit {
  std::string check, name, precision;
  std::function<std::vector<Finding>(Device&)> run;
};

/// Every case of the table of operations in every precision against the naive float64 reference.
std::vector<Unit> op_units();
/// Every golden file of kind "step" in the folder, in every precision.
std::vector<Unit> step_units(const std::filesystem::path& golden);

}  // namespace ijepa::test
