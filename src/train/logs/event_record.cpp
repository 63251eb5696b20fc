#include "event_record.hpp"

#include <array>
#include <cstring>

namespace ijepa {
namespace {

constexpr std::size_t head_bytes = 12, tail_bytes = 4;

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0);
    table[i] = crc;
  }
  return table;
}

/// A CRC of bytes that hold CRCs is weak, so files keep it rotated and shifted.
std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes += static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  return bytes;
}

template <class T>
T number_at(std::string_view bytes) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<T>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto table = crc_table();
  std::uint32_t crc = ~0U;
  for (const char byte : bytes)
    crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

std::string framed_record(std::string_view message) {
  const std::string length = little_endian(static_cast<std::uint64_t>(message.size()));
  std::string record = length + little_endian(masked_crc(length));
  record += message;
  return record + little_endian(masked_crc(message));
}

bool RecordReader::next(std::string_view& message) {
  if (damaged_ || rest_.size() < head_bytes) return false;
  const auto head = rest_.substr(0, head_bytes);
  damaged_ = number_at<std::uint32_t>(head.substr(8)) != masked_crc(head.substr(0, 8));
  if (damaged_) return false;
  const auto length = number_at<std::uint64_t>(head);
  const auto room = rest_.size() - head_bytes;
  if (room < tail_bytes || length > room - tail_bytes) return false;
  const auto text = rest_.substr(head_bytes, length);
  const auto tail = rest_.substr(head_bytes + length, tail_bytes);
  damaged_ = number_at<std::uint32_t>(tail) != masked_crc(text);
  if (damaged_) return false;
  message = text;
  rest_.remove_prefix(head_bytes + length + tail_bytes);
  return true;
}

}  // namespace ijepa
