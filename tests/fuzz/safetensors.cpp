// A safetensors file. Where its first bytes say no length that fits, all of it is the header.
#include <cstring>

#include "tests/fuzz/weights_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa::fuzz;
  std::uint64_t header = 0;
  if (size > sizeof header) std::memcpy(&header, data, sizeof header);
  if (size <= sizeof header || header > size) {
    header = size;
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    read_weights(write_input("weights.safetensors", bytes.append(text_of({data, size}))));
  } else {
    read_weights(write_input("weights.safetensors", Bytes(data, size)));
  }
  return 0;
}
