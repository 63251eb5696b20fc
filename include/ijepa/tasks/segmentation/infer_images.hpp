// Segmentation of many images or of a video by a trained model: overlays, and label maps as palette
// PNGs.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/tasks/segmentation/segmenter.hpp"

namespace ijepa {

/// Of a video that is written. automatic: the first of the others that the library can write.
enum class VideoCodec : std::uint8_t { automatic, h264, vp9, mpeg4 };

struct SegmentInferSettings {
  std::string weights;  // folder that train_segmentation wrote
  std::string input;    // shards, a folder of images; a video file or a folder of frames
  std::string out;      // folder
  OpenOptions open;
  SlidingWindow sliding;
  bool masks = false;      // of images: also label maps
  bool skip_bad = false;   // of images: leave out those that cannot be read, and list them
  bool legend = false;     // classes and their shares beside each picture
  bool rate_shown = true;  // of a video: frames per second so far on each frame
  double frame_rate = 25;  // of a folder of frames
  VideoCodec codec = VideoCodec::automatic;
};

struct SegmentInferResult {
  std::int64_t images = 0;           // or frames
  std::vector<std::int64_t> pixels;  // of each class, all images
  double images_per_second = 0;
  std::int64_t bad_images = 0;  // left out since they cannot be read
};

/// For an image KEY writes OUT/overlays/KEY.png, and OUT/masks/KEY.png where asked, in the image's
/// own size, and classes.csv (pixels of each class) at the end. Images go round the ranks. An Error
/// names an image that cannot be read, unless those are left out; what is written stays.
/// Collective.
SegmentInferResult segment_images(const SegmentInferSettings& settings, Communicator& comm,
                                  const Log& log);

/// Writes OUT/NAME.mp4 (or .webm): every frame, upright, with its labels and the frames per second
/// so far drawn on it. Frames go round the ranks; rank 0 writes. Tells when fewer frames could be
/// read than the file says it has. An Error for a file that is no video or has no frame. The file
/// appears whole or not at all. Collective.
SegmentInferResult segment_video(const SegmentInferSettings& settings, Communicator& comm,
                                 const Log& log);

}  // namespace ijepa
