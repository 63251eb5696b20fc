#include "tests/support/step_golden.hpp"
#include "units.hpp"

namespace ijepa::test {

std::vector<Unit> step_units(const std::filesystem::path& golden) {
  std::vector<Unit> units;
  for (const auto& path : golden_files_in(golden, "step"))
    for (const auto& bounds : step_bounds())
      units.push_back({"golden step", path.stem().string(), bounds.name, [=](Device& device) {
                         const GoldenFile file(path);
                         return GoldenRun(device, file, bounds).repeat();
                       }});
  return units;
}

}  // namespace ijepa::test
