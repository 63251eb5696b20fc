// Class folders: the pictures of ijepa-synth as a folder of class folders.
#pragma once
#include <filesystem>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include "data_tools/synthesis/synth.hpp"

namespace ijepa::test {

/// `images` PNG files of `size` pixels in folders of their class below `folder`.
inline void write_class_folders(const std::filesystem::path& folder, int images, int classes = 3,
                                synth::Split split = synth::Split::train, int size = 32) {
  const synth::Synth synth(synth::Kind::shapes, classes, size, 5);
  for (int i = 0; i < images; ++i) {
    const auto name = synth.class_names()[static_cast<std::size_t>(synth.label(i))];
    std::filesystem::create_directories(folder / name);
    cv::Mat bgr;  // the order that OpenCV encodes
    cv::cvtColor(synth.draw(split, i), bgr, cv::COLOR_RGB2BGR);
    cv::imwrite((folder / name / (std::to_string(100 + i) + ".png")).string(), bgr);
  }
}

}  // namespace ijepa::test
