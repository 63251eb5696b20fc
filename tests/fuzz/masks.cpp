// The configuration of masks, up to the first zero byte, and a mask that is read by it.
#include "ijepa/tasks/segmentation/mask_reader.hpp"
#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa;
  const auto text = fuzz::text_of({data, size});
  const auto end = std::min(text.find('\0'), text.size());
  fuzz::accept_errors([&] {
    const auto labels = load_labels(fuzz::write_input("labels.toml", text.substr(0, end)));
    const fuzz::Bytes mask(data + std::min(end + 1, size), size - std::min(end + 1, size));
    UnknownValues unknown;
    const auto map = MaskReader(labels).read(mask, &unknown, 0);
    for (const auto& v : unknown.commonest(10)) static_cast<void>(value_text(labels.masks, v.code));
    static_cast<void>(resize_labels(map, {7, 9}));
  });
  return 0;
}
