#include <filesystem>

#include "../loop/work_progress.hpp"
#include "film.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/drawing/lettering.hpp"
#include "ijepa/tasks/segmentation/infer_images.hpp"
#include "ijepa/tasks/segmentation/overlay.hpp"
#include "legend.hpp"
#include "pixel_shares.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

void draw_rate(Image& frame, double frames_per_second) {
  const auto words = fmt::format("{:.1f} FPS", frames_per_second);
  const double size = std::max(0.4, frame.height / 720.0);
  const int bottom = 8 + static_cast<int>(22 * size);
  write_text(frame, words, 8, bottom, {.size = size, .colour = {0, 0, 0}, .thickness = 4});
  write_text(frame, words, 8, bottom, {.size = size, .colour = {255, 255, 255}});
}

/// The video and what becomes of it, round by round: a round has one frame a rank.
class VideoRun {
 public:
  VideoRun(const SegmentInferSettings& settings, SegmentationModel& model, FrameSource& video,
           Communicator& comm, const Log& log)
      : settings_(settings),
        palette_(model.info().labels.palette()),
        legend_(model.info().labels),
        segmenter_(model, settings.sliding),
        video_(video),
        comm_(comm),
        log_(log),
        shares_(palette_.size()) {
    on_rank_0(comm, [&] {
      check_input_stays();
      out_ = std::make_unique<FilmWriter>(settings.out, name_of(settings.input), settings.codec,
                                          video.rate());
    });
  }

  SegmentInferResult run() {
    const auto stated = video_.stated_frames();
    WorkProgress progress(comm_, stated > 0 ? "segmentation" : "", "frames", stated);
    while (!ended_)
      if (const auto frames = round(); frames > 0) progress.add(frames);
    on_rank_0(comm_, [&] {
      check(frames_ > 0, "The video {} has no frames.", settings_.input);
      out_->publish();
      tell(stated);
    });
    return shares_.finish(frames_, comm_);
  }

 private:
  /// "FILM" of "x/FILM.mov" or of the folder "x/FILM/".
  static std::string name_of(const std::string& input) {
    const auto path = fs::absolute(input).lexically_normal();
    return (path.has_filename() ? path : path.parent_path()).stem().string();
  }

  void check_input_stays() const {
    for (const char* ending : {".mp4", ".webm"}) {
      const auto path = fs::path(settings_.out) / (name_of(settings_.input) + ending);
      check(!fs::exists(path) || !fs::equivalent(path, settings_.input),
            "The result would replace the video {} itself: choose another --out-dir.",
            settings_.input);
    }
  }

  void tell(std::int64_t stated) const {
    if (frames_ < stated)
      log_.warn(
          "{}: the file says that it has {} frames, but {} could be read: the others are "
          "damaged or missing, and the result is shorter",
          settings_.input, stated, frames_);
    if (out_->codec() == VideoCodec::mpeg4)
      log_.warn(
          "{} is MPEG-4 part 2, which browsers do not play: OpenCV's video library has no "
          "encoder of H.264 or VP9 here, or --codec asked for it",
          out_->path().string());
  }

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

  void write(const Image& frame, const std::string& bytes) {
    const IndexImage labels{frame.height, frame.width, {bytes.begin(), bytes.end()}};
    Image drawn = overlay(frame.view(), labels, palette_, result_overlay);
    ++written_;
    if (settings_.rate_shown) draw_rate(drawn, static_cast<double>(written_) / shares_.seconds());
    if (settings_.legend) drawn = legend_.beside(drawn, labels);
    out_->write(drawn);
  }

  const SegmentInferSettings& settings_;
  std::vector<Rgb> palette_;
  Legend legend_;
  Segmenter segmenter_;
  FrameSource& video_;
  Communicator& comm_;
  const Log& log_;
  PixelShares shares_;
  std::unique_ptr<FilmWriter> out_;  // rank 0's
  std::int64_t frames_ = 0, written_ = 0;
  bool ended_ = false;
};

}  // namespace

SegmentInferResult segment_video(const SegmentInferSettings& settings, Communicator& comm,
                                 const Log& log) {
  std::unique_ptr<FrameSource> video;
  on_all_ranks(comm, [&] { video = open_frames(settings.input, settings.frame_rate); });
  auto model = open_segmentation(settings.weights, settings.open, comm, log);
  return VideoRun(settings, model, *video, comm, log).run();
}

}  // namespace ijepa
