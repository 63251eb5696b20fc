// The pickle of a torch archive that is sound otherwise and has three storages.
#include "src/train/weights/torch_archive.hpp"
#include "tests/fuzz/weights_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa;
  const auto fill = [](std::span<std::byte> out) { std::ranges::fill(out, std::byte{0x3f}); };
  static const std::vector<OutTensor> storages{{{"0", Element::f32, {8, 3, 2, 2}}, fill},
                                               {{"1", Element::f16, {16}}, fill},
                                               {{"2", Element::f32, {}}, fill}};
  const std::string path = fuzz::folder() + "/weights.pt";
  std::filesystem::remove(path);
  write_torch_archive(path, std::string(fuzz::text_of({data, size})), storages,
                      R"({"num_attention_heads": 2})");
  fuzz::read_weights(path);
  return 0;
}
