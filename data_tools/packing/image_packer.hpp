// ImagePacker: checks one image by decoding it whole, and makes it smaller if asked to.
// ImageWorkers: many of them on threads, results in the order of submission.
#pragma once
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "data_tools/pack_options.hpp"
#include "data_tools/sources/source.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/resize.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa::tools {

struct PackedImage {
  std::vector<std::uint8_t> bytes;  // what goes into the shard
  std::string problem;              // why it is left out, else empty
  bool first_of_several = false;    // a picture of a TIFF whose others are not packed
};

class ImagePacker {
 public:
  explicit ImagePacker(const ImageRules& rules)
      : rules_(rules), decoder_(rules.max_pixels), samples_(rules.channels, rules.max_pixels) {}
  PackedImage pack(Payload payload);

 private:
  std::vector<std::uint8_t> checked(std::vector<std::uint8_t> bytes, ImageFormat format);
  std::vector<std::uint8_t> checked_samples(std::vector<std::uint8_t> bytes, ImageFormat format);
  std::vector<std::uint8_t> shrunk(const ImageView& picture);

  ImageRules rules_;
  ImageDecoder decoder_;
  SampleDecoder samples_;
  Resizer resizer_;
};

class ImageWorkers {
 public:
  ImageWorkers(const ImageRules& rules, int threads);
  ~ImageWorkers();

  void submit(Payload payload);
  std::size_t pending() const { return results_.size(); }  // submitted, not taken
  PackedImage take();                                      // of the oldest pending; waits for it

 private:
  using Task = std::packaged_task<PackedImage(ImagePacker&)>;
  void work(ImagePacker packer);

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::deque<std::future<PackedImage>> results_;
  std::vector<std::jthread> threads_;
};

}  // namespace ijepa::tools
