// WebP through libwebp. Its reader of animations takes still pictures, too.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "codec.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {

Size webp_size(std::span<const std::uint8_t> bytes) {
  WebPBitstreamFeatures features;
  check(WebPGetFeatures(bytes.data(), bytes.size(), &features) == VP8_STATUS_OK,
        "The WebP data is damaged: its header cannot be read.");
  return {features.height, features.width};
}

void decode_webp(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb) {
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  const WebPData data{bytes.data(), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, void (*)(WebPAnimDecoder*)> decoder(
      WebPAnimDecoderNew(&data, &options), WebPAnimDecoderDelete);
  check(decoder != nullptr, "The WebP data is damaged or ends early.");
  WebPAnimInfo info;
  std::uint8_t* rgba = nullptr;
  int time = 0;
  check(WebPAnimDecoderGetInfo(decoder.get(), &info) != 0 &&
            static_cast<int>(info.canvas_height) == size.height &&
            static_cast<int>(info.canvas_width) == size.width &&
            WebPAnimDecoderGetNext(decoder.get(), &rgba, &time) != 0,
        "The WebP data is damaged.");
  const auto pixels = static_cast<std::size_t>(std::int64_t{size.height} * size.width);
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t c = 0; c < 3; ++c) rgb[3 * i + c] = rgba[4 * i + c];
}

}  // namespace ijepa
