// Film: the frames of a video file or of a folder of pictures, read upright, and a file of frames
// that appears whole or not at all. Private to the folder.
#pragma once
#include <filesystem>
#include <memory>
#include <opencv2/videoio.hpp>
#include <string>

#include "ijepa/data/images/image.hpp"
#include "ijepa/tasks/segmentation/infer_images.hpp"

namespace ijepa {

/// Frames in order.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  /// False at the end.
  virtual bool skip() = 0;
  /// The frame skipped last, upright.
  virtual Image frame() = 0;
  virtual double rate() const = 0;  // frames a second
  /// As the file says; less than 1 where it does not.
  virtual std::int64_t stated_frames() const = 0;
};

/// A video file, or a folder of pictures of one size in the order of their names, in which numbers
/// count as numbers, at `rate` frames a second. An Error for anything else.
std::unique_ptr<FrameSource> open_frames(const std::string& path, double rate);

/// A video file that appears under its name with publish().
class FilmWriter {
 public:
  /// In `folder`, called `name` and the ending of the format: the first that this machine's library
  /// can write of those that `codec` allows.
  FilmWriter(const std::filesystem::path& folder, const std::string& name, VideoCodec codec,
             double rate);
  ~FilmWriter();
  FilmWriter(const FilmWriter&) = delete;
  FilmWriter& operator=(const FilmWriter&) = delete;

  /// Films have even sides: of an odd one the last row or column comes twice.
  void write(Image& frame);
  void publish();
  /// Where it is or will be; known after the first frame.
  const std::filesystem::path& path() const { return path_; }
  VideoCodec codec() const { return codec_; }

 private:
  void open(int width, int height);

  std::filesystem::path folder_, path_, unfinished_;
  std::string name_;
  VideoCodec codec_;
  double rate_;
  cv::VideoWriter writer_;
};

}  // namespace ijepa
