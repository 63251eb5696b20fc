// Small video: a few frames of block pictures in a file, and how many frames a file has.
#pragma once
#include <filesystem>
#include <opencv2/videoio.hpp>

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

inline int frames_of(const std::filesystem::path& path) {
  cv::VideoCapture video(path.string());
  int count = 0;
  while (video.grab()) ++count;
  return count;
}

}  // namespace ijepa::test
