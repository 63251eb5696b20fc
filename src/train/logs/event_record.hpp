// Event records: the framing of TensorBoard's event files (TFRecord). A record is its length (8
// bytes, little-endian), the masked CRC32C of those, the message, and the masked CRC32C of that.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace ijepa {

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

/// `message` as a record.
std::string framed_record(std::string_view message);

/// Goes through the records of a file's bytes.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : rest_(bytes), all_(bytes.size()) {}

  /// The next message into `message`; false at the end, at a cut record and at a damaged one.
  bool next(std::string_view& message);
  /// Bytes of the records read so far.
  std::size_t position() const { return all_ - rest_.size(); }
  /// Whether reading ended at a record that is whole but not what was written; one that is cut, as
  /// a kill leaves the last, is no damage.
  bool damaged() const { return damaged_; }

 private:
  std::string_view rest_;
  std::size_t all_;
  bool damaged_ = false;
};

}  // namespace ijepa
