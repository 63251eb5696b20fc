#include "ijepa/tasks/classification/classify_infer.hpp"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>

#include "../loop/work_progress.hpp"
#include "annotate.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/canvas.hpp"
#include "ijepa/data/images/shown.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/classification/classifier_weights.hpp"
#include "ijepa/tasks/classification/soft_cross_entropy.hpp"
#include "ijepa/tasks/images/image_folder.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

class Classification {
 public:
  Classification(const ClassifyInferSettings& settings, Communicator& comm, const Log& log)
      : settings_(settings),
        comm_(comm),
        images_(open_images_on_all(settings.input, comm, log)),
        opened_(open_classifier(settings.weights, settings.threads, settings.precision, comm, log)),
        known_(classes_known()) {
    const int threads = threads_or_cores(settings.threads);
    on_rank_0(comm_, [&] {
      if (settings.pictures) check_no_image_of(settings.input, settings.out);
      prepare_output_folder(settings.out);
    });
    if (settings.skip_bad) leave_out_bad_images(images_, bad_, threads, channels(), comm, log);
    views_.emplace(*images_, view_settings(opened_.card), 0, threads);
  }

  ClassifyInferResult run() {
    const auto images = images_->size();
    const RankBatches shared(images, opened_.most, comm_);
    auto ahead = views_->evaluate_ahead(shared.rounds(), [&](std::int64_t round) {
      return image_run(shared.first(round), shared.count(round));
    });
    WorkProgress progress(comm_, "classification", "images", images);
    std::unique_ptr<TemporaryFile> table;
    on_rank_0(comm_, [&] {
      table = std::make_unique<TemporaryFile>(settings_.out + "/predictions.csv");
      append(*table, header());
    });
    for (std::int64_t round = 0; round < shared.rounds(); ++round) {
      const auto lines = comm_.gather_all(
          classify(shared.first(round), shared.count(round), ahead.next()->pixels));
      on_rank_0(comm_, [&] {
        for (const auto& text : lines) append(*table, text);
      });
      progress.add(shared.count_of_all(round), ahead.wait_seconds());
    }
    on_rank_0(comm_, [&] {
      table->publish();
      write_bad_images(bad_, settings_.out);
    });
    sums_.reduce(comm_);
    ClassifyInferResult result{images, {}, std::ssize(bad_), unknown_class()};
    if (sums_.images > 0)
      result.accuracy = Accuracy{sums_.top1 / sums_.images, sums_.top5 / sums_.images};
    return result;
  }

 private:
  int channels() const { return static_cast<int>(opened_.card.normalisation.mean.size()); }

  ViewSettings view_settings(const ClassifierCard& card) const {
    auto views = picture_views(card.image, channels());
    views.transform = card.transform;
    return views;
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

  std::string classify(std::int64_t first, std::int64_t count,
                       const std::vector<std::uint8_t>& pixels) {
    if (count == 0) return "";
    const auto logits = opened_.classifier->logits(pixels);
    count_hits(first, logits);
    auto shares = logits;
    softmax_rows(shares.view());
    std::string lines;
    for (std::int64_t i = 0; i < count; ++i) lines += line_of(first + i, shares.row(i));
    return lines;
  }

  std::vector<std::int32_t> classes_known() const {
    const auto& classes = opened_.card.classes;
    std::vector<std::int32_t> known;
    for (const auto& name : images_->class_names()) {
      const auto at = std::ranges::find(classes, name) - classes.begin();
      known.push_back(at < std::ssize(classes) ? static_cast<std::int32_t>(at) : -1);
    }
    return known;
  }

  /// The first class of the images that the classifier does not know.
  std::string unknown_class() const {
    const auto at = std::ranges::find(known_, -1) - known_.begin();
    return at < std::ssize(known_) ? images_->class_names()[static_cast<std::size_t>(at)] : "";
  }

  /// Of images with a label, where the classifier knows all their classes.
  void count_hits(std::int64_t first, const Matrix<double>& logits) {
    if (!unknown_class().empty()) return;
    for (std::int64_t i = 0; i < logits.rows; ++i) {
      const auto label = images_->label(first + i);
      if (label < 0) continue;
      const std::vector<std::int32_t> known{known_[static_cast<std::size_t>(label)]};
      sums_.add(logits.view().slice(i, 1), known, std::vector<double>(1));
    }
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
    if (settings_.pictures) draw(image, answer(image, order, shares));
    return line + "\n";
  }

  /// The likeliest three classes, the true one green, a first one that is not red.
  std::vector<AnswerLine> answer(std::int64_t image, const std::vector<std::size_t>& order,
                                 std::span<const double> shares) const {
    constexpr std::size_t most = 3;
    constexpr Rgb white{255, 255, 255}, grey{170, 170, 170}, green{90, 220, 110}, red{250, 90, 80};
    const auto label = images_->label(image);
    const auto truth = label < 0 ? "" : images_->class_names()[static_cast<std::size_t>(label)];
    std::vector<AnswerLine> lines;
    bool told = truth.empty();
    for (std::size_t k = 0; k < std::min(most, order.size()); ++k) {
      const auto& name = opened_.card.classes[order[k]];
      const bool right = !truth.empty() && name == truth;
      const Rgb other = k > 0 ? grey : truth.empty() ? white : red;
      lines.push_back(
          {fmt::format("{} {:.1f} %", name, 100 * shares[order[k]]), right ? green : other});
      told = told || right;
    }
    if (!told) lines.push_back({"is " + truth, green});
    return lines;
  }

  void draw(std::int64_t image, const std::vector<AnswerLine>& lines) const {
    std::vector<std::uint8_t> encoded;
    images_->read(image, encoded);
    fs::path path = fs::path(settings_.out) / "pictures" / path_of_key(images_->key(image));
    path += ".png";
    make_folder(path.parent_path().string());
    write_png(annotated(ijepa::shown(encoded, channels()).view(), lines), path.string());
  }

  const ClassifyInferSettings& settings_;
  Communicator& comm_;
  std::unique_ptr<Dataset> images_;
  std::vector<BadImage> bad_;
  OpenedClassifier opened_;
  std::optional<TaskViews> views_;
  std::vector<std::int32_t>
      known_;  // class of the classifier of each class of the images, -1: none
  ClassifySums sums_;
  std::int64_t written_ = 0;
};

}  // namespace

ClassifyInferResult classify_images(const ClassifyInferSettings& settings, Communicator& comm,
                                    const Log& log) {
  return Classification(settings, comm, log).run();
}

}  // namespace ijepa
