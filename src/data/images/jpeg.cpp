// JPEG through libjpeg-turbo. Its errors jump (longjmp) out of C frames, so code between setjmp and
// the jump holds nothing with a destructor: buffers live in State and are sized before.

// jpeglib.h uses size_t and FILE without including them, jerror.h uses jpeglib.h.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <array>
#include <csetjmp>
#include <vector>

#include "codec.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

// More scans than any encoder writes: thousands of them in a small file would cost minutes, and so
// would hundreds of a huge picture.
constexpr std::int64_t max_scans = 500, max_scan_pixels = 4'000'000'000;
// Fancy upsampling blends each chroma sample with its neighbours, so a column needs one sample more
// on each side to come out as in a full decode. A sample is at most four pixels wide.
constexpr int column_margin = 8;

struct Errors {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* errors = reinterpret_cast<Errors*>(info->err);
  info->err->format_message(info, errors->message.data());
  std::longjmp(errors->jump, 1);
}

// Damage in the middle is decoded as far as it goes, as PIL does; a missing end is an error.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && info->err->msg_code == JWRN_JPEG_EOF) leave(info);
}

/// As leave(), in words of ours.
[[noreturn]] void leave_saying(j_common_ptr info, const char* text, std::int64_t number) {
  auto* errors = reinterpret_cast<Errors*>(info->err);
  auto& message = errors->message;
  *fmt::format_to_n(message.data(), message.size() - 1, fmt::runtime(text), number).out = '\0';
  std::longjmp(errors->jump, 1);
}

void on_progress(j_common_ptr info) {
  const auto* picture = reinterpret_cast<j_decompress_ptr>(info);
  const std::int64_t scans = picture->input_scan_number;
  const auto pixels = std::int64_t{picture->image_height} * picture->image_width;
  if (scans > max_scans) leave_saying(info, "it has more than {} scans", max_scans);
  if (scans * pixels > max_scan_pixels)
    leave_saying(info, "its scans have more than {} pixels in all", max_scan_pixels);
}

// a * b / 255, rounded, in PIL's integer form.
int multiply_255(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

// Adobe stores CMYK inverted. In place would not fit: four bytes become three.
void cmyk_to_rgb(const std::uint8_t* cmyk, int width, std::uint8_t* rgb) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int black = cmyk[3];
    for (int c = 0; c < 3; ++c)
      rgb[c] =
          static_cast<std::uint8_t>(std::clamp(black - multiply_255(255 - cmyk[c], black), 0, 255));
  }
}

}  // namespace

struct ImageDecoder::Jpeg::State {
  std::int64_t max_pixels = 0;
  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};
  Errors errors{};
  std::vector<std::uint8_t> pixels, cmyk_row;

  // Runs `body`; where libjpeg jumps, makes the decoder ready for the next image and throws.
  template <class Body>
  void guarded(const Body& body) {
    if (setjmp(errors.jump) != 0) {
      jpeg_abort_decompress(&info);
      fail("The JPEG data is damaged: {}.", errors.message.data());
    }
    body();
  }

  // A progressive file whose last scans are missing: libjpeg guesses coefficients from neighbouring
  // blocks, and would guess otherwise at the edge of what it is asked for.
  bool guesses_coefficients() const {
    if (info.progressive_mode == FALSE || info.coef_bits == nullptr) return false;
    for (int c = 0; c < info.num_components; ++c)
      if (std::any_of(&info.coef_bits[c][1], &info.coef_bits[c][DCTSIZE2],
                      [](int bits) { return bits != 0; }))
        return true;
    return false;
  }

  void read_rows(JDIMENSION skip, JDIMENSION rows, std::size_t stride, bool cmyk) {
    if (skip > 0 && jpeg_skip_scanlines(&info, skip) != skip) ERREXIT(&info, JERR_INPUT_EMPTY);
    for (JDIMENSION y = 0; y < rows; ++y) {
      std::uint8_t* row = pixels.data() + y * stride;
      JSAMPROW target = cmyk ? cmyk_row.data() : row;
      if (jpeg_read_scanlines(&info, &target, 1) != 1) ERREXIT(&info, JERR_INPUT_EMPTY);
      if (cmyk) cmyk_to_rgb(target, static_cast<int>(info.output_width), row);
    }
  }
};

ImageDecoder::Jpeg::Jpeg(std::int64_t max_pixels) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.max_pixels = max_pixels;
  s.info.err = jpeg_std_error(&s.errors.manager);
  s.errors.manager.error_exit = leave;
  s.errors.manager.emit_message = on_message;
  s.guarded([&] { jpeg_create_decompress(&s.info); });
  s.progress.progress_monitor = on_progress;
  s.info.progress = &s.progress;
}

ImageDecoder::Jpeg::~Jpeg() {
  jpeg_destroy_decompress(&state_->info);
}

Size ImageDecoder::Jpeg::open(std::span<const std::uint8_t> bytes) {
  State& s = *state_;
  jpeg_abort_decompress(&s.info);
  s.guarded([&] {
    jpeg_mem_src(&s.info, bytes.data(), bytes.size());
    jpeg_read_header(&s.info, TRUE);
  });
  const Size size{static_cast<int>(s.info.image_height), static_cast<int>(s.info.image_width)};
  check_pixels(size, s.max_pixels);
  const auto space = s.info.jpeg_color_space;
  check(space != JCS_UNKNOWN, "The JPEG image has {} components, which is no known colour space.",
        s.info.num_components);
  s.info.out_color_space = space == JCS_CMYK || space == JCS_YCCK ? JCS_CMYK : JCS_RGB;
  s.info.dct_method = JDCT_ISLOW;
  s.info.do_fancy_upsampling = TRUE;
  return size;
}

ImageView ImageDecoder::Jpeg::decode(const Box& box) {
  State& s = *state_;
  const int picture_width = static_cast<int>(s.info.image_width);
  auto left = static_cast<JDIMENSION>(std::max(0, box.left - column_margin));
  auto width =
      static_cast<JDIMENSION>(std::min(picture_width, box.left + box.width + column_margin)) - left;
  s.guarded([&] { jpeg_start_decompress(&s.info); });
  if (s.guesses_coefficients()) return read_all().part(box);
  s.guarded([&] {
    // Moves `left` down to a whole block and widens `width` to match.
    if (width < s.info.output_width) jpeg_crop_scanline(&s.info, &left, &width);
  });
  const std::size_t stride = std::size_t{3} * width;
  const bool cmyk = s.info.out_color_space == JCS_CMYK;
  s.pixels.resize(stride * static_cast<std::size_t>(box.height));
  if (cmyk) s.cmyk_row.resize(std::size_t{4} * width);
  s.guarded([&] {
    s.read_rows(static_cast<JDIMENSION>(box.top), static_cast<JDIMENSION>(box.height), stride,
                cmyk);
  });
  jpeg_abort_decompress(&s.info);
  const ImageView rows{s.pixels.data(), box.height, static_cast<int>(width),
                       static_cast<std::ptrdiff_t>(stride)};
  return rows.part({0, box.left - static_cast<int>(left), box.height, box.width});
}

ImageView ImageDecoder::Jpeg::decode_all() {
  State& s = *state_;
  s.guarded([&] { jpeg_start_decompress(&s.info); });
  return read_all();
}

ImageView ImageDecoder::Jpeg::read_all() {
  State& s = *state_;
  const int height = static_cast<int>(s.info.image_height);
  const int width = static_cast<int>(s.info.image_width);
  const std::size_t stride = std::size_t{3} * s.info.image_width;
  const bool cmyk = s.info.out_color_space == JCS_CMYK;
  s.pixels.resize(stride * s.info.image_height);
  if (cmyk) s.cmyk_row.resize(std::size_t{4} * s.info.image_width);
  s.guarded([&] {
    s.read_rows(0, s.info.image_height, stride, cmyk);
    jpeg_finish_decompress(&s.info);
  });
  return {s.pixels.data(), height, width, static_cast<std::ptrdiff_t>(stride)};
}

}  // namespace ijepa
