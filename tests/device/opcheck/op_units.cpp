#include "tests/support/op_parity.hpp"
#include "units.hpp"

namespace ijepa::test {

std::vector<Unit> op_units() {
  std::vector<Unit> units;
  for (const auto& c : op_cases())
    for (const auto& precision : precisions())
      units.push_back({"operation", c.name, precision.name,
                       [=](Device& device) { return op_findings(c, precision, device); }});
  return units;
}

}  // namespace ijepa::test
