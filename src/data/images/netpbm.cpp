// PPM and PGM, in binary (P6, P5) and as text (P3, P2).
#include <algorithm>

#include "codec.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    grey_ = bytes[1] == '2' || bytes[1] == '5';
    text_ = bytes[1] == '2' || bytes[1] == '3';
    constexpr std::uint32_t largest_side = 1U << 30, largest_value = 65535;
    const auto width = next_number(largest_side), height = next_number(largest_side);
    size_ = {static_cast<int>(height), static_cast<int>(width)};
    most_ = next_number(largest_value);
    check(most_ > 0, "The PPM or PGM data is damaged: its largest value is 0.");
    ++at_;  // the one white space before binary values
  }

  Size size() const { return size_; }
  std::size_t channels() const { return grey_ ? 1 : 3; }

  /// A value spread over 0 to 255.
  std::uint8_t next_sample() {
    const std::uint32_t value = std::min(text_ ? next_number(65535) : next_binary(), most_);
    return static_cast<std::uint8_t>((value * 255 + most_ / 2) / most_);
  }

 private:
  std::uint8_t byte() {
    check(at_ < bytes_.size(), "The PPM or PGM data ends early.");
    return bytes_[at_++];
  }
  std::uint32_t next_binary() {
    const std::uint32_t first = byte();
    return most_ < 256 ? first : first << 8 | byte();
  }
  static bool is_space(std::uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  /// The next number of a text, past white space and comments.
  std::uint32_t next_number(std::uint32_t most) {
    std::uint8_t c = byte();
    for (; is_space(c) || c == '#'; c = byte())
      if (c == '#')
        while (c != '\n' && c != '\r') c = byte();
    std::uint32_t value = 0;
    check(c >= '0' && c <= '9', "The PPM or PGM data is damaged: a number was expected.");
    for (; c >= '0' && c <= '9'; c = bytes_[at_++]) {
      value = value * 10 + (c - '0');
      check(value <= most, "The PPM or PGM data is damaged: a number above {}.", most);
      if (at_ == bytes_.size()) return value;
    }
    --at_;
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 2;
  bool grey_ = false, text_ = false;
  Size size_;
  std::uint32_t most_ = 255;
};

}  // namespace

Size netpbm_size(std::span<const std::uint8_t> bytes) {
  return Reader(bytes).size();
}

/// A sample is at least one byte, also as text.
void check_netpbm(std::span<const std::uint8_t> bytes) {
  const Reader reader(bytes);
  const auto pixels = std::int64_t{reader.size().height} * reader.size().width;
  check(pixels * static_cast<std::int64_t>(reader.channels()) <= std::ssize(bytes),
        "The PPM or PGM data ends early.");
}

void decode_netpbm(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb) {
  Reader reader(bytes);
  const auto pixels = static_cast<std::size_t>(std::int64_t{size.height} * size.width);
  for (std::size_t i = 0; i < pixels; ++i, rgb += 3) {
    rgb[0] = rgb[1] = rgb[2] = reader.next_sample();
    if (reader.channels() == 1) continue;
    rgb[1] = reader.next_sample();
    rgb[2] = reader.next_sample();
  }
}

}  // namespace ijepa
