// How often a test with random faults tries: as often as it says, or as IJEPA_FAULT_TRIALS says for
// longer campaigns by hand.
#pragma once
#include <cstdlib>
#include <string>

namespace ijepa::test {

inline int trials(int usual) {
  const char* wanted = std::getenv("IJEPA_FAULT_TRIALS");
  return wanted == nullptr ? usual : std::stoi(wanted);
}

}  // namespace ijepa::test
