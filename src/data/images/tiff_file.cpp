#include "tiff_file.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr int linear_raw = 34892;  // of DNG 1.4, which tiff.h does not name

thread_local std::string last_message;

void keep_message(const char*, const char* format, va_list values) {
  char text[256];
  std::vsnprintf(text, sizeof text, format, values);
  if (last_message.empty()) last_message = text;
}

}  // namespace

tsize_t TiffFile::Bytes::read(thandle_t handle, void* to, tsize_t count) {
  Bytes& b = of(handle);
  if (b.at >= b.bytes.size()) return 0;
  const auto n = std::min(static_cast<std::size_t>(count), b.bytes.size() - b.at);
  std::memcpy(to, b.bytes.data() + b.at, n);
  b.at += n;
  return static_cast<tsize_t>(n);
}

toff_t TiffFile::Bytes::seek(thandle_t handle, toff_t offset, int whence) {
  Bytes& b = of(handle);
  const std::uint64_t base = whence == SEEK_CUR ? b.at : whence == SEEK_END ? b.bytes.size() : 0;
  return b.at = base + offset;
}

/// A file that is mapped can be read alone: libtiff does not write to it here either.
int TiffFile::Bytes::map(thandle_t handle, void** start, toff_t* count) {
  const auto bytes = of(handle).bytes;
  *start = const_cast<std::uint8_t*>(bytes.data());
  *count = bytes.size();
  return 1;
}

TiffFile::TiffFile(std::span<const std::uint8_t> bytes)
    : bytes_{bytes}, tiff_((prepare(), open(&bytes_)), TIFFClose) {
  require(tiff_ != nullptr);
  // libtiff 4.5 copies these after all (see open()), and calls most of them damaged.
  check(TIFFIsTiled(get()) == 0 || tag(TIFFTAG_COMPRESSION) != COMPRESSION_NONE ||
            tag(TIFFTAG_FILLORDER) != FILLORDER_LSB2MSB,
        "The TIFF image is not read: its tiles are not packed and have the bits of each byte in "
        "reverse (FillOrder 2). Save it again in the usual order, or packed.");
}

void TiffFile::require(bool good) {
  if (!good)
    fail("The TIFF data is damaged or of a kind that is not read: {}.",
         last_message.empty() ? "no reason given" : last_message);
}

int TiffFile::orientation() const {
  std::uint16_t said = ORIENTATION_TOPLEFT;
  TIFFGetField(get(), TIFFTAG_ORIENTATION, &said);
  return said <= ORIENTATION_LEFTBOT ? said : ORIENTATION_TOPLEFT;
}

Size TiffFile::size() const {
  std::uint32_t height = 0, width = 0;
  require(TIFFGetField(get(), TIFFTAG_IMAGELENGTH, &height) != 0 &&
          TIFFGetField(get(), TIFFTAG_IMAGEWIDTH, &width) != 0);
  constexpr std::uint32_t largest = 1U << 30;
  check(std::max(height, width) <= largest, "The TIFF image is {} x {} pixels large.", width,
        height);
  return {static_cast<int>(height), static_cast<int>(width)};
}

std::uint16_t TiffFile::tag(std::uint32_t name) const {
  std::uint16_t value = 0;
  TIFFGetFieldDefaulted(get(), name, &value);
  return value;
}

int TiffFile::photometric() const {
  std::uint16_t said = 0;
  return TIFFGetField(get(), TIFFTAG_PHOTOMETRIC, &said) != 0 ? said : PHOTOMETRIC_MINISBLACK;
}

bool TiffFile::has_plain_numbers() const {
  const auto format = tag(TIFFTAG_SAMPLEFORMAT);
  return format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID;
}

std::string TiffFile::samples_text() const {
  static const std::map<int, std::string> of_format{
      {SAMPLEFORMAT_INT, "numbers with sign"},
      {SAMPLEFORMAT_IEEEFP, "floating-point numbers"},
      {SAMPLEFORMAT_COMPLEXINT, "complex numbers"},
      {SAMPLEFORMAT_COMPLEXIEEEFP, "complex numbers"}};
  static const std::map<int, std::string> of_kind{
      {PHOTOMETRIC_MINISWHITE, "numbers"},
      {PHOTOMETRIC_MINISBLACK, "numbers"},
      {PHOTOMETRIC_RGB, "numbers"},
      {PHOTOMETRIC_PALETTE, "indices of a palette"},
      {PHOTOMETRIC_MASK, "a mask of what is transparent"},
      {PHOTOMETRIC_SEPARATED, "inks (CMYK)"},
      {PHOTOMETRIC_YCBCR, "brightness and differences of colours (YCbCr)"},
      {PHOTOMETRIC_CIELAB, "colours of CIE L*a*b*"},
      {PHOTOMETRIC_ICCLAB, "colours of CIE L*a*b*"},
      {PHOTOMETRIC_ITULAB, "colours of CIE L*a*b*"},
      {PHOTOMETRIC_CFA, "a camera's raw values (CFA)"},
      {linear_raw, "a camera's raw values (linear)"},
      {PHOTOMETRIC_LOGL, "logarithms of light (LogL)"},
      {PHOTOMETRIC_LOGLUV, "logarithms of light (LogLuv)"}};
  if (const auto known = of_format.find(tag(TIFFTAG_SAMPLEFORMAT)); known != of_format.end())
    return known->second;
  const auto known = of_kind.find(photometric());
  return known != of_kind.end() ? known->second
                                : fmt::format("numbers of photometric kind {}", photometric());
}

bool TiffFile::has_alpha() const {
  std::uint16_t extra = 0, *kinds = nullptr;
  return TIFFGetField(get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds) != 0 && extra > 0 &&
         (kinds[extra - 1] == EXTRASAMPLE_ASSOCALPHA || kinds[extra - 1] == EXTRASAMPLE_UNASSALPHA);
}

bool TiffFile::next() const {
  if (TIFFLastDirectory(get()) != 0) return false;
  last_message.clear();
  require(TIFFReadDirectory(get()) != 0);
  return true;
}

void TiffFile::prepare() {
  static std::once_flag once;
  std::call_once(once, [] {
    TIFFSetErrorHandler(keep_message);
    TIFFSetWarningHandler(nullptr);
  });
  last_message.clear();
}

/// The bytes are mapped, which no copy of them is made for. It is more than a saving: where libtiff
/// 4.5 copies tiles that are not packed, it refuses those that do not fill whole kibibytes.
TIFF* TiffFile::open(Bytes* bytes) {
#if TIFFLIB_VERSION >= 20221213
  // A strip or tile may claim any size; older versions have no such limit.
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_bytes_at_once);
  return TIFFClientOpenExt("image", "r", bytes, Bytes::read, Bytes::write, Bytes::seek,
                           Bytes::close, Bytes::size, Bytes::map, Bytes::unmap, options.get());
#else
  return TIFFClientOpen("image", "r", bytes, Bytes::read, Bytes::write, Bytes::seek, Bytes::close,
                        Bytes::size, Bytes::map, Bytes::unmap);
#endif
}

}  // namespace ijepa
