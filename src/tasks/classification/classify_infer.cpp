#include "ijepa/tasks/classification/classify_infer.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>

#include "../feature_csv.hpp"
#include "../work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/folder.hpp"
#include "ijepa/data/canvas.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shown.hpp"
#include "ijepa/tasks/classification/classifier_weights.hpp"
#include "ijepa/tasks/classification/classify_sums.hpp"
#include "ijepa/tasks/classification/soft_cross_entropy.hpp"
#include "ijepa/tasks/labelled_images.hpp"
#include "ijepa/tasks/prefetch.hpp"
#include "ijepa/tasks/readable_images.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

class Classification {
 public:
  Classification(const ClassifyInferSettings& settings, Communicator& comm, const Log& log)
      : settings_(settings),
        comm_(comm),
        images_(open_images_on_all(settings.input, comm, log)),
        opened_(open_classifier(settings.weights, settings.threads, comm, log)),
        same_classes_(images_->class_names() == opened_.card.classes) {
    const int threads = settings.threads > 0 ? settings.threads : usable_cores();
    on_rank_0(comm_, [&] { prepare_folder(); });
    if (settings.skip_bad) {
      auto readable = without_bad_images(std::move(images_), threads, comm, log, channels());
      images_ = std::move(readable.images);
      bad_ = std::move(readable.bad);
    }
    views_.emplace(*images_, view_settings(opened_.card), 0, threads);
  }

  ClassifyInferResult run() {
    const auto images = images_->size(), most = opened_.most;
    const auto rounds = (images + most * comm_.size() - 1) / (most * comm_.size());
    Prefetch<std::vector<std::uint8_t>> ahead(
        rounds, [this](std::int64_t round) { return views_->evaluate(batch_of(round)); });
    WorkProgress progress(comm_.rank() == 0 ? "images" : "", images);
    std::unique_ptr<TemporaryFile> table;
    on_rank_0(comm_, [&] {
      table = std::make_unique<TemporaryFile>(settings_.out + "/predictions.csv");
      append(*table, header());
    });
    for (std::int64_t round = 0; round < rounds; ++round) {
      const auto lines = comm_.gather_all(classify(batch_of(round), ahead.next()));
      on_rank_0(comm_, [&] {
        for (const auto& text : lines) append(*table, text);
      });
      progress.add(std::min(most * comm_.size(), images - round * most * comm_.size()));
    }
    on_rank_0(comm_, [&] {
      table->publish();
      write_bad_images(bad_, settings_.out);
    });
    sums_.reduce(comm_);
    ClassifyInferResult result{images, {}, std::ssize(bad_)};
    if (sums_.images > 0)
      result.accuracy = Accuracy{sums_.top1 / sums_.images, sums_.top5 / sums_.images};
    return result;
  }

 private:
  int channels() const { return static_cast<int>(opened_.card.normalisation.mean.size()); }

  static ViewSettings view_settings(const ClassifierCard& card) {
    ViewSettings views;
    views.transform = card.transform;
    views.image_height = card.image.height;
    views.image_width = card.image.width;
    views.channels = static_cast<int>(card.normalisation.mean.size());
    return views;
  }

  void prepare_folder() const {
    check(settings_.top >= 1, "The table needs at least one class an image, not {}.",
          settings_.top);
    prepare_output_folder(settings_.out);
  }

  /// Of this rank; empty in the last round where there is nothing left.
  std::vector<std::int64_t> batch_of(std::int64_t round) const {
    const auto most = opened_.most;
    const auto first = std::min(images_->size(), (round * comm_.size() + comm_.rank()) * most);
    std::vector<std::int64_t> batch(
        static_cast<std::size_t>(std::min(most, images_->size() - first)));
    std::iota(batch.begin(), batch.end(), first);
    return batch;
  }

  std::int64_t classes_shown() const {
    return std::min(settings_.top, std::ssize(opened_.card.classes));
  }

  std::string header() const {
    std::string line = images_->class_names().empty() ? "key" : "key,label";
    for (std::int64_t k = 1; k <= classes_shown(); ++k)
      line += fmt::format(",class_{},probability_{}", k, k);
    return line + "\n";
  }

  void append(TemporaryFile& table, const std::string& text) {
    table.file().write(written_, text.data(), text.size());
    written_ += std::ssize(text);
  }

  std::string classify(const std::vector<std::int64_t>& batch,
                       const std::vector<std::uint8_t>& pixels) {
    if (batch.empty()) return "";
    const auto logits = opened_.classifier->logits(pixels);
    count_hits(batch, logits);
    auto shares = logits;
    softmax_rows(shares.view());
    std::string lines;
    for (std::size_t i = 0; i < batch.size(); ++i)
      lines += line_of(batch[i], shares.row(static_cast<std::int64_t>(i)));
    return lines;
  }

  void count_hits(const std::vector<std::int64_t>& batch, const Matrix<double>& logits) {
    if (!same_classes_) return;
    std::vector<std::int32_t> labels;
    for (const auto image : batch) labels.push_back(images_->label(image));
    if (std::ranges::any_of(labels, [](auto label) { return label < 0; })) return;
    sums_.add(logits.view(), labels, std::vector<double>(labels.size()));
  }

  std::string line_of(std::int64_t image, std::span<const double> shares) const {
    std::vector<std::size_t> order(shares.size());
    std::iota(order.begin(), order.end(), 0U);
    std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t c) { return shares[c]; });
    const auto& classes = opened_.card.classes;
    std::string line = csv_field(images_->key(image));
    if (!images_->class_names().empty()) {
      const auto label = images_->label(image);
      line += ',';
      if (label >= 0) line += csv_field(images_->class_names()[static_cast<std::size_t>(label)]);
    }
    for (std::int64_t k = 0; k < classes_shown(); ++k) {
      const auto c = order[static_cast<std::size_t>(k)];
      line += fmt::format(",{},{:.6f}", csv_field(classes[c]), shares[c]);
    }
    if (settings_.pictures)
      draw(image, fmt::format("{} {:.1f}%", classes[order[0]], 100 * shares[order[0]]));
    return line + "\n";
  }

  void draw(std::int64_t image, const std::string& text) const {
    std::vector<std::uint8_t> encoded;
    images_->read(image, encoded);
    fs::path path = fs::path(settings_.out) / "pictures" / path_of_key(images_->key(image));
    path += ".png";
    make_folder(path.parent_path().string());
    write_png(annotated(ijepa::shown(encoded, channels()).view(), text), path.string());
  }

  const ClassifyInferSettings& settings_;
  Communicator& comm_;
  std::unique_ptr<ImageSource> images_;
  std::vector<BadImage> bad_;
  OpenedClassifier opened_;
  std::optional<TaskViews> views_;
  bool same_classes_;
  ClassifySums sums_;
  std::int64_t written_ = 0;
};

}  // namespace

ClassifyInferResult classify_images(const ClassifyInferSettings& settings, Communicator& comm,
                                    const Log& log) {
  return Classification(settings, comm, log).run();
}

}  // namespace ijepa
