#include "tests/support/source_folder.hpp"

namespace ijepa::test {

// Known to this file alone: a compiler cache then serves the others in any folder.
std::filesystem::path source_folder() {
  return IJEPA_SOURCE_DIR;
}

}  // namespace ijepa::test
