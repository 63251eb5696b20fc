// A torch archive: the zip as it is, whose checksums most inputs fail.
#include "tests/fuzz/weights_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa::fuzz;
  read_weights(write_input("weights.pt", Bytes(data, size)));
  return 0;
}
