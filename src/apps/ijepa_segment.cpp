// ijepa-segment: trains a segmentation on a pretrained encoder, and applies it to images and
// videos.
#include <fmt/core.h>

#include "ijepa/comm/session.hpp"
#include "segment_options.hpp"

namespace {

int train(const ijepa::SegmentTrainSettings& settings, ijepa::Communicator& comm) {
  const auto result = ijepa::train_segmentation(settings, comm, ijepa::Log(comm.rank()));
  if (comm.rank() != 0) return 0;
  const auto& loss = result.epochs[static_cast<std::size_t>(result.best_loss)].valid;
  const auto& iou = result.epochs[static_cast<std::size_t>(result.best_iou)].valid;
  fmt::print("best loss {:.4f} (epoch {}), best mIoU {:.2f} % with accuracy {:.2f} % (epoch {})\n",
             loss.loss, result.best_loss + 1, 100 * iou.scores.mean_iou,
             100 * iou.scores.pixel_accuracy, result.best_iou + 1);
  fmt::print("{}: best_model_loss, best_model_iou, last_model, epochs.csv\n", settings.out);
  std::fflush(stdout);
  ijepa::say_next(ijepa::Log(0), {{"Labels of images",
                                   fmt::format("ijepa-segment infer --weights {}/best_model_iou "
                                               "--input IMAGES --out-dir RESULTS --legend",
                                               settings.out)}});
  return 0;
}

int infer(const ijepa::SegmentInferSettings& settings, bool video, ijepa::Communicator& comm) {
  const ijepa::Log log(comm.rank());
  const auto result = video ? ijepa::segment_video(settings, comm, log)
                            : ijepa::segment_images(settings, comm, log);
  if (comm.rank() == 0)
    fmt::print("{} {}, {:.2f} a second; results in {}\n", result.images,
               video ? "frames" : "images", result.images_per_second, settings.out);
  return ijepa::end_of_run(result.bad_images, settings.out, comm);
}

ijepa::ProgramWords words() {
  return {.name = "ijepa-segment",
          .examples =
              {{"Train a head on the features of a run",
                "ijepa-segment train --run runs/camvid --config configs/tasks/segment_camvid.toml "
                "--train-images camvid/train/images --train-masks camvid/train/masks "
                "--valid-images camvid/valid/images --valid-masks camvid/valid/masks "
                "--imgsz 480 352 --out-dir segmented"},
               {"Apply it to a folder of pictures",
                "ijepa-segment infer --weights segmented/best_model_iou --input photos "
                "--out-dir labels --legend"},
               {"And to a video",
                "ijepa-segment video --weights segmented/best_model_iou --input drive.mp4 "
                "--out-dir labels"}},
          .pages = {"docs/segment.md"},
          .statuses = ijepa::training_statuses()};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::SegmentTrainSettings training;
  ijepa::SegmentInferSettings images, video;
  CLI::App app{"Semantic segmentation on the features of a pretrained encoder."};
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  auto* train_command = app.add_subcommand("train", "trains on images and masks");
  ijepa::add_train_options(*train_command, training);
  auto* infer_command = app.add_subcommand("infer", "labels of many images");
  ijepa::add_infer_options(*infer_command, images, "shards, a folder of images, or one image");
  infer_command->add_flag("--masks", images.masks, "also label maps, as palette PNGs");
  ijepa::add_skip_bad_option(*infer_command, images.skip_bad);
  auto* video_command = app.add_subcommand("video", "labels of a video's frames");
  ijepa::add_video_options(*video_command, video);
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  return ijepa::run_on_ranks(argc, argv, [&](ijepa::Communicator& comm) {
    if (train_command->parsed()) return train(training, comm);
    return infer_command->parsed() ? infer(images, false, comm) : infer(video, true, comm);
  });
}
