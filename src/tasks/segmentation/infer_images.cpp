#include "ijepa/tasks/segmentation/infer_images.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>

#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/canvas.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "ijepa/data/loading/batch_pool.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"
#include "ijepa/tasks/segmentation/overlay.hpp"
#include "legend.hpp"
#include "pixel_shares.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// Without the ending of the image: what both results of it are called.
std::string result_name(const Dataset& images, std::int64_t i) {
  return path_of_key(without_extension(images.key(i))).string() + ".png";
}

/// Two images must not be written to one file. Hashes, as millions of names take much memory.
void check_results_differ(const Dataset& images) {
  std::vector<std::size_t> hashes;
  for (std::int64_t i = 0; i < images.size(); ++i)
    hashes.push_back(std::hash<std::string>()(result_name(images, i)));
  std::ranges::sort(hashes);
  const auto twice = std::ranges::adjacent_find(hashes);
  for (std::int64_t i = 0; twice != hashes.end() && i < images.size(); ++i)
    check(std::hash<std::string>()(result_name(images, i)) != *twice,
          "Two images are called {} but for their endings: their results would have one name.",
          without_extension(images.key(i)));
}

Image read_image(const Dataset& images, std::int64_t i) {
  std::vector<std::uint8_t> encoded;
  try {
    images.read(i, encoded);
    return decode_upright(encoded);
  } catch (const Error& e) {
    fail("The {} cannot be read: {}", images.where(i), e.what());
  }
}

struct ReadImage {
  std::int64_t number = 0;
  Image image;
};

/// This rank's images, each a batch of its own since they differ in size.
BatchPool<ReadImage> read_ahead(const Dataset& images, const RankBatches& shared) {
  return BatchPool<ReadImage>(
      {.open = [shared](std::int64_t round, ReadImage& read) -> std::optional<std::int64_t> {
         if (round == shared.mine()) return {};
         read.number = shared.first(round);
         return 1;
       },
       .fill = [&images](ReadImage& read, std::int64_t,
                         int) { read.image = read_image(images, read.number); }},
      {.threads = 2, .ahead = 2});
}

}  // namespace

std::string classes_csv(const Labels& labels, const std::vector<std::int64_t>& pixels) {
  const auto all =
      static_cast<double>(std::accumulate(pixels.begin(), pixels.end(), std::int64_t{0}));
  std::string out = "class,pixels,share\n";
  for (std::size_t c = 0; c < pixels.size(); ++c)
    out += fmt::format("{},{},{:.6f}\n", csv_field(labels.classes[c].name), pixels[c],
                       static_cast<double>(pixels[c]) / all);
  return out;
}

SegmentInferResult segment_images(const SegmentInferSettings& settings, Communicator& comm,
                                  const Log& log) {
  auto images = open_images_on_all(settings.input, comm, log);
  std::vector<BadImage> bad;
  on_rank_0(comm, [&] {
    check_results_differ(*images);
    check_no_image_of(settings.input, settings.out);
    prepare_output_folder(settings.out);
  });
  auto model = open_segmentation(settings.weights, settings.open, comm, log);
  Segmenter segmenter(model, settings.sliding);
  const auto palette = model.info().labels.palette();
  const Legend legend(model.info().labels);
  if (settings.skip_bad) leave_out_bad_images(images, bad, model.threads(), 3, comm, log);
  const auto write = [&](const char* kind, std::int64_t i, const auto& to) {
    const auto path = fs::path(settings.out) / kind / result_name(*images, i);
    make_folder(path.parent_path().string());
    to(path.string());
  };
  PixelShares shares(palette.size());
  {
    WorkProgress progress(comm, "segmentation", "images", images->size());
    const RankBatches shared(images->size(), 1, comm);
    auto ahead = read_ahead(*images, shared);
    for (std::int64_t round = 0; round < shared.mine(); ++round) {
      const auto& [i, image] = *ahead.next();
      const auto labels = segmenter.labels(image.view());
      shares.add(labels);
      write("overlays", i, [&, &image = image](const std::string& path) {
        const auto drawn = overlay(image.view(), labels, palette, result_overlay);
        write_png(settings.legend ? legend.beside(drawn, labels) : drawn, path);
      });
      if (settings.masks)
        write("masks", i, [&](const std::string& path) { write_index_png(labels, palette, path); });
      progress.add(shared.count_of_all(round), ahead.wait_seconds());
    }
  }
  auto result = shares.finish(images->size(), comm);
  on_rank_0(comm, [&] {
    write_file_atomically(settings.out + "/classes.csv",
                          classes_csv(model.info().labels, result.pixels));
    write_bad_images(bad, settings.out);
  });
  result.bad_images = std::ssize(bad);
  return result;
}

}  // namespace ijepa
