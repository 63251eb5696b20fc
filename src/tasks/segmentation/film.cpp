#include "film.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <string>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/images/open_images.hpp"

namespace ijepa {
namespace {

/// A range of the file's bytes. Reads beyond it give zeros.
struct BoxRange {
  const File* file;
  std::int64_t begin, end;

  std::uint64_t number(std::int64_t at, int bytes) const {
    std::array<std::uint8_t, 8> raw{};
    if (at < 0 || at > end - begin - bytes) return 0;
    file->read(begin + at, raw.data(), static_cast<std::size_t>(bytes));
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | raw[static_cast<std::size_t>(i)];
    return value;
  }
};

constexpr std::uint32_t name_of(const char (&text)[5]) {
  std::uint32_t name = 0;
  for (int i = 0; i < 4; ++i) name = name << 8 | static_cast<std::uint8_t>(text[i]);
  return name;
}

/// Calls visit(name, content) for each box until it returns true, and returns whether it did.
template <class Visit>
bool for_boxes(const BoxRange& outer, const Visit& visit) {
  for (std::int64_t at = 0; at + 8 <= outer.end - outer.begin;) {
    auto size = static_cast<std::int64_t>(outer.number(at, 4));
    const auto name = static_cast<std::uint32_t>(outer.number(at + 4, 4));
    std::int64_t head = 8;
    if (size == 1) {
      size = static_cast<std::int64_t>(outer.number(at + 8, 8));
      head = 16;
    } else if (size == 0) {  // up to the end
      size = outer.end - outer.begin - at;
    }
    if (size < head || size > outer.end - outer.begin - at) return false;
    const auto begin = outer.begin + at;
    if (visit(name, BoxRange{outer.file, begin + head, begin + size})) return true;
    at += size;
  }
  return false;
}

bool is_film(const BoxRange& media) {
  return for_boxes(media, [](std::uint32_t name, const BoxRange& box) {
    return name == name_of("hdlr") && box.number(8, 4) == name_of("vide");
  });
}

/// Of a matrix that takes (x, y) to (a x + c y, b x + d y): the nearest of the eight.
int orientation_of(const std::array<double, 4>& abcd) {
  const auto [a, b, c, d] = abcd;
  if (std::abs(b) + std::abs(c) > std::abs(a) + std::abs(d))
    return b > 0 ? (c > 0 ? 5 : 6) : (c > 0 ? 8 : 7);
  return a >= 0 ? (d >= 0 ? 1 : 4) : (d >= 0 ? 2 : 3);
}

int orientation_in(const BoxRange& track_header) {
  const bool long_times = track_header.number(0, 1) == 1;
  const std::int64_t at = long_times ? 52 : 40;
  const auto entry = [&](int i) {
    const auto raw = static_cast<std::int32_t>(track_header.number(at + std::int64_t{4} * i, 4));
    return raw / 65536.0;
  };
  return orientation_of({entry(0), entry(1), entry(3), entry(4)});
}

/// Of a track if it is a film.
std::optional<int> of_track(const BoxRange& track) {
  std::optional<int> orientation;
  bool film = false;
  for_boxes(track, [&](std::uint32_t name, const BoxRange& box) {
    if (name == name_of("tkhd")) orientation = orientation_in(box);
    if (name == name_of("mdia")) film = is_film(box);
    return false;
  });
  return film ? orientation : std::nullopt;
}

/// As an EXIF orientation (data/orientation.hpp), of the first film track. Nothing for a file of
/// another kind or without such a track.
std::optional<int> film_orientation(const std::string& path) {
  const File file(path, File::Mode::read);
  std::optional<int> found;
  for_boxes({&file, 0, file.size()}, [&](std::uint32_t name, const BoxRange& movie) {
    return name == name_of("moov") &&
           for_boxes(movie, [&](std::uint32_t inner, const BoxRange& track) {
             if (inner == name_of("trak")) found = of_track(track);
             return found.has_value();
           });
  });
  return found;
}

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
  std::unique_ptr<Dataset> images_;
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
