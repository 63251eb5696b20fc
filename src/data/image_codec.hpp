// Codec: what a picture format offers the decoder. Private to src/data.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "ijepa/data/image.hpp"

namespace ijepa {

class ImageDecoder::Codec {
 public:
  virtual ~Codec() = default;
  virtual Size open(std::span<const std::uint8_t> bytes) = 0;
  /// The pixels of `box` inside a buffer of the codec.
  virtual ImageView decode(const Box& box) = 0;
  /// All pixels, with everything up to the end of the bytes read and checked.
  virtual ImageView decode_all() = 0;
};

class ImageDecoder::Jpeg final : public Codec {
 public:
  explicit Jpeg(std::int64_t max_pixels);
  ~Jpeg() override;
  Size open(std::span<const std::uint8_t> bytes) override;
  ImageView decode(const Box& box) override;
  ImageView decode_all() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class ImageDecoder::Png final : public Codec {
 public:
  explicit Png(std::int64_t max_pixels);
  ~Png() override;
  Size open(std::span<const std::uint8_t> bytes) override;
  ImageView decode(const Box& box) override;
  ImageView decode_all() override;
  ValueImage decode_values();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// An Error if a picture of this size is above the limit.
void check_pixels(const Size& size, std::int64_t max_pixels);

}  // namespace ijepa
