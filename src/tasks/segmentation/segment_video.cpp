#include <filesystem>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "../work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/tasks/segmentation/infer_images.hpp"
#include "ijepa/tasks/segmentation/overlay.hpp"
#include "pixel_shares.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// The frames of a video as RGB pictures, in order.
class VideoReader {
 public:
  explicit VideoReader(const std::string& path) : path_(path) {
    check(fs::is_regular_file(path), "There is no video {}.", path);
    try {
      capture_.open(path, cv::CAP_ANY);
    } catch (const cv::Exception&) {
      capture_.release();
    }
    check(capture_.isOpened(), "{} is no video that can be read here.", path);
  }

  /// False at the end.
  bool skip() { return capture_.grab(); }
  /// The frame skipped last.
  Image frame() {
    cv::Mat bgr;
    check(capture_.retrieve(bgr) && bgr.type() == CV_8UC3, "A frame of {} cannot be read.", path_);
    Image out{bgr.rows, bgr.cols, {}};
    out.rgb.resize(bgr.total() * 3);
    cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, out.rgb.data());
    cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
    return out;
  }
  double rate() const {
    const double stated = capture_.get(cv::CAP_PROP_FPS);
    return stated > 0 && stated < 1000 ? stated : 25;
  }
  /// As the file says; less than 1 where it does not.
  std::int64_t stated_frames() const {
    return static_cast<std::int64_t>(capture_.get(cv::CAP_PROP_FRAME_COUNT));
  }

 private:
  std::string path_;
  cv::VideoCapture capture_;
};

/// An MP4 file that appears under its name with publish().
class VideoWriter {
 public:
  VideoWriter(const fs::path& path, double rate) : path_(path), rate_(rate) {
    unfinished_ = path.parent_path() / ("unfinished_" + path.filename().string());
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    check(!error, "Cannot create the folder {}: {}.", path.parent_path().string(), error.message());
  }
  ~VideoWriter() {
    writer_.release();
    std::error_code ignored;
    fs::remove(unfinished_, ignored);
  }
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  void write(Image& frame) {
    const cv::Mat rgb(frame.height, frame.width, CV_8UC3, frame.rgb.data());
    if (!writer_.isOpened()) {
      writer_.open(unfinished_.string(), cv::VideoWriter::fourcc('m', 'p', '4', 'v'), rate_,
                   rgb.size());
      check(writer_.isOpened(), "The video {} cannot be written.", path_.string());
    }
    cv::Mat bgr;
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    writer_.write(bgr);
  }
  void publish() {
    writer_.release();
    // The library does not say when the disk is full; a file that it cannot read back does.
    cv::VideoCapture written(unfinished_.string());
    check(written.isOpened() && written.grab(),
          "The video {} could not be written wholly: is the disk full?", path_.string());
    std::error_code error;
    fs::rename(unfinished_, path_, error);
    check(!error, "Cannot rename {}: {}.", unfinished_.string(), error.message());
  }

 private:
  fs::path path_, unfinished_;
  double rate_;
  cv::VideoWriter writer_;
};

void draw_rate(Image& frame, double frames_per_second) {
  cv::Mat canvas(frame.height, frame.width, CV_8UC3, frame.rgb.data());
  const auto words = fmt::format("{:.1f} FPS", frames_per_second);
  const double size = std::max(0.4, frame.height / 720.0);
  const cv::Point at(8, 8 + static_cast<int>(22 * size));
  cv::putText(canvas, words, at, cv::FONT_HERSHEY_SIMPLEX, size, {0, 0, 0}, 4, cv::LINE_AA);
  cv::putText(canvas, words, at, cv::FONT_HERSHEY_SIMPLEX, size, {255, 255, 255}, 1, cv::LINE_AA);
}

/// The video and what becomes of it, round by round: a round has one frame a rank.
class VideoRun {
 public:
  VideoRun(const SegmentInferSettings& settings, SegmentationModel& model, VideoReader& video,
           Communicator& comm)
      : input_(settings.input),
        palette_(model.info().labels.palette()),
        segmenter_(model, settings.sliding),
        video_(video),
        comm_(comm),
        shares_(palette_.size()) {
    on_rank_0(comm, [&] {
      const auto path = fs::path(settings.out) / (fs::path(input_).stem().string() + ".mp4");
      check(!fs::exists(path) || !fs::equivalent(path, input_),
            "The result would replace the video {} itself: choose another --out-dir.", input_);
      out_ = std::make_unique<VideoWriter>(path, video.rate());
    });
  }

  SegmentInferResult run() {
    const auto stated = video_.stated_frames();
    WorkProgress progress(comm_.rank() == 0 && stated > 0 ? "frames" : "", stated);
    while (!ended_) progress.add(round());
    on_rank_0(comm_, [&] {
      check(frames_ > 0, "The video {} has no frames.", input_);
      out_->publish();
    });
    return shares_.finish(frames_, comm_);
  }

 private:
  /// On rank 0 all frames of a round, elsewhere the own one in its place; fewer at the end.
  std::vector<Image> read() {
    std::vector<Image> frames;
    for (int r = 0; r < comm_.size() && !ended_; ++r) {
      ended_ = !video_.skip();
      const bool wanted = comm_.rank() == 0 || comm_.rank() == r;
      if (!ended_) frames.push_back(wanted ? video_.frame() : Image{});
    }
    return frames;
  }

  std::int64_t round() {
    std::vector<Image> frames;
    std::string mine;
    on_all_ranks(comm_, [&] {
      frames = read();
      const auto own = static_cast<std::size_t>(comm_.rank());
      if (own >= frames.size()) return;
      const auto labels = segmenter_.labels(frames[own].view());
      shares_.add(labels);
      mine.assign(labels.index.begin(), labels.index.end());
    });
    const auto all = comm_.gather_all(mine);
    on_rank_0(comm_, [&] {
      for (std::size_t r = 0; r < frames.size(); ++r) write(frames[r], all[r]);
    });
    frames_ += std::ssize(frames);
    return std::ssize(frames);
  }

  void write(const Image& frame, const std::string& labels) {
    Image drawn = overlay(frame.view(), {frame.height, frame.width, {labels.begin(), labels.end()}},
                          palette_, result_overlay);
    draw_rate(drawn, static_cast<double>(++written_) / shares_.seconds());
    out_->write(drawn);
  }

  std::string input_;
  std::vector<Rgb> palette_;
  Segmenter segmenter_;
  VideoReader& video_;
  Communicator& comm_;
  PixelShares shares_;
  std::unique_ptr<VideoWriter> out_;  // rank 0's
  std::int64_t frames_ = 0, written_ = 0;
  bool ended_ = false;
};

}  // namespace

SegmentInferResult segment_video(const SegmentInferSettings& settings, Communicator& comm,
                                 const Log& log) {
  std::unique_ptr<VideoReader> video;
  on_all_ranks(comm, [&] { video = std::make_unique<VideoReader>(settings.input); });
  auto model = open_segmentation(settings.weights, settings.open, comm, log);
  return VideoRun(settings, model, *video, comm).run();
}

}  // namespace ijepa
