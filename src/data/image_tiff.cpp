// TIFF through libtiff, whose messages come by a handler of the whole program.
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/data/orientation.hpp"
#include "image_codec.hpp"

namespace ijepa {
namespace {

constexpr tmsize_t most_bytes_at_once = tmsize_t{1} << 30;

thread_local std::string last_message;

void keep_message(const char*, const char* format, va_list values) {
  char text[256];
  std::vsnprintf(text, sizeof text, format, values);
  if (last_message.empty()) last_message = text;
}

/// The bytes as a file that libtiff reads.
struct Bytes {
  std::span<const std::uint8_t> bytes;
  std::uint64_t at = 0;

  static Bytes& of(thandle_t handle) { return *static_cast<Bytes*>(handle); }
  static tsize_t read(thandle_t handle, void* to, tsize_t count) {
    Bytes& b = of(handle);
    if (b.at >= b.bytes.size()) return 0;
    const auto n = std::min(static_cast<std::size_t>(count), b.bytes.size() - b.at);
    std::memcpy(to, b.bytes.data() + b.at, n);
    b.at += n;
    return static_cast<tsize_t>(n);
  }
  static tsize_t write(thandle_t, void*, tsize_t) { return 0; }
  static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    Bytes& b = of(handle);
    const std::uint64_t base = whence == SEEK_CUR ? b.at : whence == SEEK_END ? b.bytes.size() : 0;
    return b.at = base + offset;
  }
  static int close(thandle_t) { return 0; }
  static toff_t size(thandle_t handle) { return of(handle).bytes.size(); }
};

class Tiff {
 public:
  explicit Tiff(std::span<const std::uint8_t> bytes)
      : bytes_{bytes}, tiff_((prepare(), open(&bytes_)), TIFFClose) {
    require(tiff_ != nullptr);
  }

  TIFF* get() const { return tiff_.get(); }
  static void require(bool good) {
    if (!good)
      fail("The TIFF data is damaged or of a kind that is not read: {}.",
           last_message.empty() ? "no reason given" : last_message);
  }

  /// 1 to 8, as in EXIF, which took it from here (TIFF 6.0, tag 274).
  int orientation() const {
    std::uint16_t said = ORIENTATION_TOPLEFT;
    TIFFGetField(get(), TIFFTAG_ORIENTATION, &said);
    return said <= ORIENTATION_LEFTBOT ? said : ORIENTATION_TOPLEFT;
  }

  /// As stored.
  Size size() const {
    std::uint32_t height = 0, width = 0;
    require(TIFFGetField(get(), TIFFTAG_IMAGELENGTH, &height) != 0 &&
            TIFFGetField(get(), TIFFTAG_IMAGEWIDTH, &width) != 0);
    constexpr std::uint32_t largest = 1U << 30;
    check(std::max(height, width) <= largest, "The TIFF image is {} x {} pixels large.", width,
          height);
    return {static_cast<int>(height), static_cast<int>(width)};
  }

 private:
  static void prepare() {
    static std::once_flag once;
    std::call_once(once, [] {
      TIFFSetErrorHandler(keep_message);
      TIFFSetWarningHandler(nullptr);
    });
    last_message.clear();
  }

  /// "m": the bytes are not mapped, for they are in memory.
  static TIFF* open(Bytes* bytes) {
#if TIFFLIB_VERSION >= 20221213
    // A strip or tile may claim any size; older versions have no such limit.
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(
        TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_bytes_at_once);
    return TIFFClientOpenExt("image", "rm", bytes, Bytes::read, Bytes::write, Bytes::seek,
                             Bytes::close, Bytes::size, nullptr, nullptr, options.get());
#else
    return TIFFClientOpen("image", "rm", bytes, Bytes::read, Bytes::write, Bytes::seek,
                          Bytes::close, Bytes::size, nullptr, nullptr);
#endif
  }

  Bytes bytes_;
  std::unique_ptr<TIFF, void (*)(TIFF*)> tiff_;
};

}  // namespace

Size tiff_size(std::span<const std::uint8_t> bytes) {
  const Tiff tiff(bytes);
  Size size = tiff.size();
  if (lies_on_side(tiff.orientation())) std::swap(size.height, size.width);
  return size;
}

void decode_tiff(std::span<const std::uint8_t> bytes, const Size&, std::uint8_t* rgb) {
  const Tiff tiff(bytes);
  const int orientation = tiff.orientation();
  // libtiff mirrors, but leaves pictures that lie on their side so: it gets none to turn.
  std::uint16_t as_stored = ORIENTATION_TOPLEFT, extra = 0, *kinds = nullptr;
  TIFFSetField(tiff.get(), TIFFTAG_ORIENTATION, as_stored);
  // Else libtiff would multiply colours by their alpha, which is dropped.
  std::uint16_t as_they_are = EXTRASAMPLE_ASSOCALPHA;
  if (TIFFGetField(tiff.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds) != 0 && extra == 1)
    TIFFSetField(tiff.get(), TIFFTAG_EXTRASAMPLES, extra, &as_they_are);
  char reason[1024] = "";
  if (TIFFRGBAImageOK(tiff.get(), reason) == 0) fail("The TIFF image is not read: {}.", reason);
  const Size size = tiff.size();
  std::vector<std::uint32_t> raster(
      static_cast<std::size_t>(std::int64_t{size.height} * size.width));
  Tiff::require(TIFFReadRGBAImageOriented(tiff.get(), static_cast<std::uint32_t>(size.width),
                                          static_cast<std::uint32_t>(size.height), raster.data(),
                                          ORIENTATION_TOPLEFT, 1) != 0);
  Image stored{size.height, size.width, std::vector<std::uint8_t>(3 * raster.size())};
  auto* to = stored.rgb.data();
  for (const auto pixel : raster)
    for (const auto value : {TIFFGetR(pixel), TIFFGetG(pixel), TIFFGetB(pixel)})
      *to++ = static_cast<std::uint8_t>(value);
  std::ranges::copy(upright(std::move(stored), orientation).rgb, rgb);
}

}  // namespace ijepa
