// Image kinds: the one rule by which every program tells images from other files, from their first
// bytes and not from their names.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ijepa {

enum class ImageFormat : std::uint8_t { unknown, jpeg, png, webp, bmp, tiff, gif, netpbm };

/// So many of a file's first bytes are enough to tell what it is.
constexpr std::size_t signature_bytes = 64;

/// The formats that are read, as a text for messages.
constexpr std::string_view readable_formats = "JPEG, PNG, WebP, BMP, TIFF, GIF, PPM or PGM";

/// By the first bytes alone.
ImageFormat image_format(std::span<const std::uint8_t> bytes);

/// "JPEG", "PPM or PGM", ...; "unknown".
std::string_view format_name(ImageFormat format);

/// What what_instead() says of bytes that it does not know.
constexpr std::string_view unknown_kind = "of no known kind";

/// What bytes of unknown format are, for messages: "an empty file", "an AVIF image", "a pointer of
/// Git LFS: fetch the file itself (git lfs pull)".
std::string_view what_instead(std::span<const std::uint8_t> bytes);

/// True for the usual endings of the formats that are read, in any case.
bool has_image_name(std::string_view path);

}  // namespace ijepa
