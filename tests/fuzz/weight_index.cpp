// The index of several files of weights, and the config.json beside them, up to and from a zero
// byte; the files themselves are a tiny encoder in two parts.
#include "tests/fuzz/tiny_weights.hpp"
#include "tests/fuzz/weights_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa::fuzz;
  static const bool written = (write_tiny_weights(folder()), true);
  static_cast<void>(written);
  const auto text = text_of({data, size});
  const auto end = std::min(text.find('\0'), text.size());
  write_input("config.json", text.substr(std::min(end + 1, text.size())));
  read_weights(write_input("model.safetensors.index.json", text.substr(0, end)));
  return 0;
}
