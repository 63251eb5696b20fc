// Picture shards: a small shard of synthetic labelled PNGs, for what reads features from shards, or
// the same as files.
#pragma once
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "data_tools/synthesis/synth.hpp"
#include "ijepa/data/shards/shard_format.hpp"
#include "ijepa/data/shards/shard_writer.hpp"

namespace ijepa::test {

struct PictureShard {
  int images = 20, size = 32, classes = 3;
  synth::Split split = synth::Split::train;
  int unlabelled = -1;  // an image whose label is left out
  int damaged = -1;     // an image whose bytes are no picture
};

inline std::vector<std::uint8_t> picture_png(const synth::Synth& synth, synth::Split split,
                                             std::int64_t i) {
  std::vector<std::uint8_t> encoded;
  cv::Mat bgr;  // the order that OpenCV encodes
  cv::cvtColor(synth.draw(split, i), bgr, cv::COLOR_RGB2BGR);
  cv::imencode(".png", bgr, encoded);
  return encoded;
}

inline synth::Synth picture_synth(const PictureShard& what) {
  return {synth::Kind::shapes, what.classes, what.size, 5};
}

/// Writes the described pictures as files: folder/picture/0.png, ...
inline void write_picture_files(const std::filesystem::path& folder, const PictureShard& what) {
  std::filesystem::create_directories(folder / "picture");
  const auto synth = picture_synth(what);
  for (int i = 0; i < what.images; ++i) {
    const auto encoded = picture_png(synth, what.split, i);
    std::ofstream(folder / "picture" / (std::to_string(i) + ".png"), std::ios::binary)
        .write(reinterpret_cast<const char*>(encoded.data()), std::ssize(encoded));
  }
}

/// Writes one shard of the described pictures into `folder` (made if missing).
inline void write_pictures(const std::filesystem::path& folder, const PictureShard& what) {
  std::filesystem::create_directories(folder);
  const auto synth = picture_synth(what);
  std::vector<std::vector<std::uint8_t>> bytes(static_cast<std::size_t>(what.images));
  std::vector<ShardRecord> records;
  for (int i = 0; i < what.images; ++i) {
    auto& encoded = bytes[static_cast<std::size_t>(i)];
    encoded = picture_png(synth, what.split, i);
    if (i == what.damaged) encoded.resize(encoded.size() / 2);
    const std::string key = "picture/" + std::to_string(i) + ".png";
    const std::int32_t label = i == what.unlabelled ? -1 : synth.label(i);
    records.push_back({key, label, encoded.size(), image_checksum(encoded, key, label)});
  }
  ShardWriter writer((folder / shard_file_name(0, 1)).string(), {0, 1, 42, synth.class_names()},
                     records);
  for (const auto& encoded : bytes) writer.append(encoded);
  writer.finish();
}

}  // namespace ijepa::test
