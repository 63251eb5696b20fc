#include "film.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <opencv2/imgproc.hpp>

#include "film_matrix.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/orientation.hpp"
#include "ijepa/tasks/image_source.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

struct Format {
  VideoCodec codec;
  const char* fourcc;
  const char* ending;
};
// What browsers play comes first.
constexpr std::array<Format, 3> formats{{{VideoCodec::h264, "avc1", ".mp4"},
                                         {VideoCodec::vp9, "VP90", ".webm"},
                                         {VideoCodec::mpeg4, "mp4v", ".mp4"}}};

int fourcc(const char* code) {
  return cv::VideoWriter::fourcc(code[0], code[1], code[2], code[3]);
}

/// What the library says of containers that film_orientation() does not know.
int orientation_by_library(const cv::VideoCapture& capture) {
  const auto said = static_cast<int>(capture.get(cv::CAP_PROP_ORIENTATION_META));
  // 4.6 has the sign wrong (opencv/opencv#22088).
  const bool wrong = cv::getVersionMajor() == 4 && cv::getVersionMinor() == 6;
  const int clockwise = ((wrong ? -said : said) % 360 + 360) % 360;
  return clockwise == 90 ? 6 : clockwise == 180 ? 3 : clockwise == 270 ? 8 : 1;
}

class VideoFile final : public FrameSource {
 public:
  explicit VideoFile(const std::string& path) : path_(path) {
    check(fs::is_regular_file(path), "There is no video {}.", path);
    try {
      capture_.open(path, cv::CAP_ANY);
    } catch (const cv::Exception&) {
      capture_.release();
    }
    check(capture_.isOpened(), "{} is no video that can be read here.", path);
    orientation_ = film_orientation(path).value_or(orientation_by_library(capture_));
    capture_.set(cv::CAP_PROP_ORIENTATION_AUTO, 0);
  }

  bool skip() override { return capture_.grab(); }
  Image frame() override {
    cv::Mat bgr;
    check(capture_.retrieve(bgr) && bgr.type() == CV_8UC3, "A frame of {} cannot be read.", path_);
    Image out{bgr.rows, bgr.cols, {}};
    out.rgb.resize(bgr.total() * 3);
    cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, out.rgb.data());
    cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
    return upright(std::move(out), orientation_);
  }
  double rate() const override {
    const double stated = capture_.get(cv::CAP_PROP_FPS);
    return stated > 0 && stated < 1000 ? stated : 25;
  }
  std::int64_t stated_frames() const override {
    return static_cast<std::int64_t>(capture_.get(cv::CAP_PROP_FRAME_COUNT));
  }

 private:
  std::string path_;
  cv::VideoCapture capture_;
  int orientation_ = 1;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The digits from `at` on without zeros in front; moves `at` behind them.
std::string_view take_number(const std::string& text, std::size_t& at) {
  while (at + 1 < text.size() && text[at] == '0' && is_digit(text[at + 1])) ++at;
  const auto begin = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return std::string_view(text).substr(begin, at - begin);
}

/// "9.png" before "10.png".
bool before_by_number(const std::string& a, const std::string& b) {
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto x = take_number(a, i), y = take_number(b, j);
      if (x != y) return x.size() != y.size() ? x.size() < y.size() : x < y;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  return std::pair(a.size(), a) < std::pair(b.size(), b);
}

class FrameFolder final : public FrameSource {
 public:
  FrameFolder(const std::string& folder, double rate) : images_(open_images(folder)), rate_(rate) {
    order_.resize(static_cast<std::size_t>(images_->size()));
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
    std::ranges::sort(order_, before_by_number, [&](std::int64_t i) { return images_->key(i); });
  }

  bool skip() override { return next_ < order_.size() && ++next_ > 0; }
  Image frame() override {
    const auto image = order_.at(next_ - 1);
    std::vector<std::uint8_t> encoded;
    try {
      images_->read(image, encoded);
      Image out = decode_upright(encoded);
      if (size_ == Size{}) size_ = {out.height, out.width};
      check(Size{out.height, out.width} == size_, "It has {} x {} pixels, others have {} x {}.",
            out.width, out.height, size_.width, size_.height);
      return out;
    } catch (const Error& e) {
      fail("The frame {} cannot be used: {}", images_->key(image), e.what());
    }
  }
  double rate() const override { return rate_; }
  std::int64_t stated_frames() const override { return images_->size(); }

 private:
  std::unique_ptr<ImageSource> images_;
  std::vector<std::int64_t> order_;
  double rate_;
  std::size_t next_ = 0;
  Size size_;
};

}  // namespace

std::unique_ptr<FrameSource> open_frames(const std::string& path, double rate) {
  if (fs::is_directory(path)) return std::make_unique<FrameFolder>(path, rate);
  return std::make_unique<VideoFile>(path);
}

FilmWriter::FilmWriter(const fs::path& folder, const std::string& name, VideoCodec codec,
                       double rate)
    : folder_(folder), name_(name), codec_(codec), rate_(rate) {
  prepare_output_folder(folder.string());
}

FilmWriter::~FilmWriter() {
  writer_.release();
  std::error_code ignored;
  if (!unfinished_.empty()) fs::remove(unfinished_, ignored);
}

void FilmWriter::open(int width, int height) {
  for (const auto& format : formats) {
    if (codec_ != VideoCodec::automatic && codec_ != format.codec) continue;
    const auto file = path_of_key(name_).string() + format.ending;
    path_ = folder_ / file;
    unfinished_ = folder_ / ("unfinished_" + file);
    if (writer_.open(unfinished_.string(), fourcc(format.fourcc), rate_, {width, height})) {
      codec_ = format.codec;
      return;
    }
    std::error_code ignored;
    fs::remove(unfinished_, ignored);
  }
  fail(
      "The video {} cannot be written: OpenCV's video library lacks the encoder, or the folder "
      "cannot be written to.",
      path_.string());
}

void FilmWriter::write(Image& frame) {
  const cv::Mat rgb(frame.height, frame.width, CV_8UC3, frame.rgb.data());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  // The library would cut the last row or column of odd sides off.
  cv::copyMakeBorder(bgr, bgr, 0, bgr.rows % 2, 0, bgr.cols % 2, cv::BORDER_REPLICATE);
  if (!writer_.isOpened()) open(bgr.cols, bgr.rows);
  writer_.write(bgr);
}

void FilmWriter::publish() {
  writer_.release();
  // The library does not say when the disk is full; a file that it cannot read back does.
  cv::VideoCapture written(unfinished_.string());
  check(written.isOpened() && written.grab(),
        "The video {} could not be written wholly: is the disk full?", path_.string());
  std::error_code error;
  fs::rename(unfinished_, path_, error);
  check(!error, "Cannot rename {}: {}.", unfinished_.string(), error.message());
}

}  // namespace ijepa
