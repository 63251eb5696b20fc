// Small video: a few frames of block pictures in a file, and how many frames a file has.
#pragma once
#include <algorithm>
#include <array>
#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "ijepa/data/images/orientation.hpp"
#include "tests/tasks/segmentation/pair_folders.hpp"

namespace ijepa::test {

/// Motion JPEG, 64 x 48 pixels, 12 frames a second.
inline void write_small_video(const std::filesystem::path& path, int frames) {
  cv::VideoWriter out(path.string(), cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 12, {64, 48});
  check(out.isOpened(), "no video writer");
  for (int i = 0; i < frames; ++i) {
    auto picture = block_picture(48, 64, static_cast<std::uint64_t>(i)).image;
    out.write(cv::Mat(48, 64, CV_8UC3, picture.rgb.data()));
  }
}

/// An MPEG-4 film of a picture that is bright at its upper edge and red at its left one (64 x 48
/// when upright), stored so that the matrix (a, b, c, d) of the track's header turns it upright.
inline void write_turned_film(const std::filesystem::path& path, int orientation,
                              const std::array<int, 4>& abcd, int frames = 3) {
  Image picture{48, 64, {}};
  for (int y = 0; y < 48; ++y)
    for (int x = 0; x < 64; ++x)
      for (const int v : {y < 16 || x < 16 ? 220 : 20, y < 16 ? 220 : 20, y < 16 ? 220 : 20})
        picture.rgb.push_back(static_cast<std::uint8_t>(v));
  // A quarter to one side is undone by one to the other; the rest undo themselves.
  picture = upright(picture, orientation == 6 ? 8 : orientation == 8 ? 6 : orientation);
  {
    cv::VideoWriter out(path.string(), cv::VideoWriter::fourcc('m', 'p', '4', 'v'), 12,
                        {picture.width, picture.height});
    check(out.isOpened(), "no video writer");
    cv::Mat bgr;
    cv::cvtColor(cv::Mat(picture.height, picture.width, CV_8UC3, picture.rgb.data()), bgr,
                 cv::COLOR_RGB2BGR);
    for (int i = 0; i < frames; ++i) out.write(bgr);
  }
  auto bytes = read_bytes(path);
  const std::string name = "tkhd";
  auto at = std::search(bytes.begin(), bytes.end(), name.begin(), name.end()) + 4 +
            40;  // header of version 0
  const auto put = [&](int value) {
    for (const int shift : {8, 0}) *at++ = static_cast<std::uint8_t>(value >> shift);
    at += 2;  // fraction
  };
  for (const int value : {abcd[0], abcd[1], 0, abcd[2], abcd[3], 0}) put(value);
  write_bytes(path, bytes);
}

/// "avc1" and the like.
inline std::string codec_of(const std::filesystem::path& path) {
  const auto code = static_cast<int>(cv::VideoCapture(path.string()).get(cv::CAP_PROP_FOURCC));
  std::string text;
  for (int shift = 0; shift < 32; shift += 8) text += static_cast<char>(code >> shift & 0xFF);
  return text;
}

inline int frames_of(const std::filesystem::path& path) {
  cv::VideoCapture video(path.string());
  int count = 0;
  while (video.grab()) ++count;
  return count;
}

}  // namespace ijepa::test
