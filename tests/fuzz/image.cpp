// Every picture format through the one decoder: whole, a box of it, as numbers of a mask, as
// samples of other channels, turned as its EXIF data say. Pictures of at most 2^20 pixels.
#include "ijepa/data/images/image.hpp"

#include "ijepa/data/images/orientation.hpp"
#include "ijepa/data/images/samples.hpp"
#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ijepa;
  constexpr std::int64_t most_pixels = 1 << 20;
  const fuzz::Bytes bytes(data, size);
  fuzz::accept_errors([&] {
    ImageDecoder decoder(most_pixels);
    const Size picture = decoder.open(bytes);
    fuzz::accept_errors([&] { decoder.decode(); });
    decoder.open(bytes);
    const int top = picture.height / 3, left = picture.width / 2;
    decoder.decode({top, left, picture.height - top, picture.width - left});
  });
  fuzz::accept_errors([&] { decode_index_png(bytes, most_pixels); });
  fuzz::accept_errors([&] {
    const int orientation = exif_orientation(bytes);
    upright(decode_image(bytes, most_pixels), orientation);
  });
  for (const int channels : {1, 2, 4, 5})
    fuzz::accept_errors([&] { decode_samples(bytes, channels, most_pixels); });
  fuzz::accept_errors([&] { stored_channels(bytes); });
  static_cast<void>(what_instead(bytes));
  return 0;
}
