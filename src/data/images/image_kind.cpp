#include "ijepa/data/images/image_kind.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "ijepa/core/numpy_archive.hpp"

namespace ijepa {
namespace {

using namespace std::string_view_literals;

/// Bytes at a place of a file, and what they mean.
template <class Meaning>
struct Signature {
  std::size_t at;
  std::string_view bytes;
  Meaning meaning;
};

constexpr std::array formats{
    Signature<ImageFormat>{0, "\xFF\xD8\xFF"sv, ImageFormat::jpeg},
    Signature<ImageFormat>{0, "\x89PNG\r\n\x1A\n"sv, ImageFormat::png},
    Signature<ImageFormat>{0, "GIF87a"sv, ImageFormat::gif},
    Signature<ImageFormat>{0, "GIF89a"sv, ImageFormat::gif},
    Signature<ImageFormat>{0, "II*\0"sv, ImageFormat::tiff},
    Signature<ImageFormat>{0, "MM\0*"sv, ImageFormat::tiff},
    Signature<ImageFormat>{0, "II+\0"sv, ImageFormat::tiff},
    Signature<ImageFormat>{0, "MM\0+"sv, ImageFormat::tiff},
};

constexpr std::array others{
    Signature<std::string_view>{0, "\0\5\x16\7"sv, "the AppleDouble file of a Mac"},
    Signature<std::string_view>{0, "version https://git-lfs"sv,
                                "a pointer of Git LFS: fetch the file itself (git lfs pull)"},
    Signature<std::string_view>{0, "ARROW1"sv, "an Arrow file: export its images to files first"},
    Signature<std::string_view>{0, "IJEPASHD"sv,
                                "a shard of ijepa-shards, which is packed already"},
    Signature<std::string_view>{0, "Rar!\x1A\x07"sv, "a rar archive: unpack it first"},
    Signature<std::string_view>{0, "SQLite format 3"sv,
                                "an SQLite database: export its images to files first"},
    Signature<std::string_view>{0, "\x93NUMPY"sv, "a NumPy file: write its images to files first"},
    Signature<std::string_view>{4, "ftyphei"sv, "a HEIF image"},
    Signature<std::string_view>{4, "ftypmif1"sv, "a HEIF or AVIF image"},
    Signature<std::string_view>{4, "ftypavif"sv, "an AVIF image"},
    Signature<std::string_view>{4, "ftyp"sv, "a film"},
    Signature<std::string_view>{4, "jP  "sv, "a JPEG 2000 image"},
    Signature<std::string_view>{4, "JXL "sv, "a JPEG XL image"},
    Signature<std::string_view>{0, "\xFF\x0A"sv, "a JPEG XL image"},
    Signature<std::string_view>{0, "8BPS"sv, "a Photoshop file"},
    Signature<std::string_view>{0, "v/1\1"sv, "an OpenEXR image"},
    Signature<std::string_view>{0, "%PDF"sv, "a PDF file"},
    Signature<std::string_view>{0, "PK\3\4"sv, "a zip archive: unpack it, or pack it by itself"},
    Signature<std::string_view>{0, "\x1F\x8B"sv, "gzip data"},
    Signature<std::string_view>{0, "\x89HDF"sv, "an HDF5 file: export its images to files first"},
    Signature<std::string_view>{0, "PAR1"sv, "a parquet file: export its images to files first"},
    Signature<std::string_view>{0, "\xD0\xCF\x11\xE0"sv, "a Windows thumbnail database"},
    Signature<std::string_view>{0, "RIFF"sv, "a film or sound"},
    Signature<std::string_view>{0, "\x1A\x45\xDF\xA3"sv, "a film"},
};

constexpr std::array endings{"jpg", "jpeg", "jpe",  "jfif", "png", "webp", "bmp",
                             "dib", "tif",  "tiff", "gif",  "ppm", "pgm",  "pnm"};

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class Meaning>
bool matches(const Signature<Meaning>& signature, std::string_view text) {
  return text.size() >= signature.at + signature.bytes.size() &&
         text.substr(signature.at, signature.bytes.size()) == signature.bytes;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// "BM" alone begins many a text: the size of the second header must be one that exists.
bool is_bmp(std::string_view text) {
  constexpr std::array<std::uint8_t, 7> header_sizes{12, 40, 52, 56, 64, 108, 124};
  return text.starts_with("BM") && text.size() >= 18 &&
         std::ranges::count(header_sizes, static_cast<std::uint8_t>(text[14])) == 1 &&
         text.substr(15, 3) == "\0\0\0"sv;
}

/// "P5", then white space and the width, or a comment.
bool is_netpbm(std::string_view text) {
  return text.size() >= 4 && text[0] == 'P' && "2356"sv.find(text[1]) != std::string_view::npos &&
         " \t\r\n"sv.find(text[2]) != std::string_view::npos &&
         "0123456789# \t\r\n"sv.find(text[3]) != std::string_view::npos;
}

bool is_web_page(std::string_view text) {
  std::string start(text.substr(0, signature_bytes));
  std::ranges::transform(start, start.begin(), lower);
  return start.find("<html") != std::string::npos || start.find("<!doctype") != std::string::npos;
}

bool is_text(std::string_view text) {
  return std::ranges::all_of(text.substr(0, signature_bytes),
                             [](unsigned char c) { return c >= 0x20 || (c >= '\t' && c <= '\r'); });
}

}  // namespace

ImageFormat image_format(std::span<const std::uint8_t> bytes) {
  const auto text = text_of(bytes);
  for (const auto& format : formats)
    if (matches(format, text)) return format.meaning;
  if (text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP")
    return ImageFormat::webp;
  if (is_bmp(text)) return ImageFormat::bmp;
  if (is_netpbm(text)) return ImageFormat::netpbm;
  return ImageFormat::unknown;
}

std::string_view format_name(ImageFormat format) {
  constexpr std::array<std::string_view, 8> names{"unknown", "JPEG", "PNG", "WebP",
                                                  "BMP",     "TIFF", "GIF", "PPM or PGM"};
  return names[static_cast<std::size_t>(format)];
}

std::string_view what_instead(std::span<const std::uint8_t> bytes) {
  const auto text = text_of(bytes);
  if (text.empty()) return "an empty file";
  if (is_numpy_archive(text)) return "a NumPy archive (.npz): write its images to files first";
  for (const auto& other : others)
    if (matches(other, text)) return other.meaning;
  if (is_web_page(text)) return "a web page, perhaps of a download that was refused";
  return is_text(text) ? "text" : unknown_kind;
}

bool has_image_name(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(path.substr(dot + 1));
  std::ranges::transform(ending, ending.begin(), lower);
  return std::ranges::find(endings, ending) != endings.end();
}

}  // namespace ijepa
