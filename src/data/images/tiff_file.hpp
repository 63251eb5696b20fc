// TiffFile: bytes in memory that libtiff reads, whose messages come by a handler of the whole
// program. Private to this folder.
#pragma once
#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ijepa/data/images/image.hpp"

namespace ijepa {

class TiffFile {
 public:
  /// The most that one strip or tile may have.
  static constexpr tmsize_t most_bytes_at_once = tmsize_t{1} << 30;

  /// `bytes` must outlive it. An Error if they are no TIFF file.
  explicit TiffFile(std::span<const std::uint8_t> bytes);

  TIFF* get() const { return tiff_.get(); }
  /// An Error with libtiff's last message unless `good`.
  static void require(bool good);

  /// 1 to 8, as in EXIF, which took it from here (TIFF 6.0, tag 274).
  int orientation() const;
  /// As stored.
  Size size() const;
  /// A tag of 16 bits, or what TIFF 6.0 says that a file without it has. Tag 262 has no such value:
  /// photometric() reads it.
  std::uint16_t tag(std::uint32_t name) const;
  /// What samples mean (tag 262). In a file that does not say so they are black at 0, as where
  /// libtiff makes a picture of it.
  int photometric() const;
  /// True where samples are whole numbers without sign (tag 339), as they also are where a file
  /// leaves it open (TIFF 6.0, section 19).
  bool has_plain_numbers() const;
  /// What the samples are in words, for who is told that they are not read: "inks (CMYK)",
  /// "floating-point numbers", ...
  std::string samples_text() const;
  /// True where one of several samples of a pixel says how opaque it is (tag 338), and is the last.
  bool has_alpha() const;
  /// On to the next picture of the file; false behind the last. An Error if it is damaged.
  bool next() const;

 private:
  /// The bytes as a file.
  struct Bytes {
    std::span<const std::uint8_t> bytes;
    std::uint64_t at = 0;
    static Bytes& of(thandle_t handle) { return *static_cast<Bytes*>(handle); }
    static tsize_t read(thandle_t handle, void* to, tsize_t count);
    static tsize_t write(thandle_t, void*, tsize_t) { return 0; }
    static toff_t seek(thandle_t handle, toff_t offset, int whence);
    static int close(thandle_t) { return 0; }
    static toff_t size(thandle_t handle) { return of(handle).bytes.size(); }
    static int map(thandle_t handle, void** start, toff_t* count);
    static void unmap(thandle_t, void*, toff_t) {}
  };
  static void prepare();
  static TIFF* open(Bytes* bytes);

  Bytes bytes_;
  std::unique_ptr<TIFF, void (*)(TIFF*)> tiff_;
};

}  // namespace ijepa
