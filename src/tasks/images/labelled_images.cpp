#include "ijepa/tasks/images/labelled_images.hpp"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

#include "../loop/work_progress.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/counted.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/data/images/picture_reader.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"

namespace ijepa {
namespace {

/// The images of another dataset, with something about them changed.
class ChangedImages : public Dataset {
 public:
  std::int64_t size() const override { return images_->size(); }
  std::string key(std::int64_t image) const override { return images_->key(at(image)); }
  int label(std::int64_t image) const override { return images_->label(at(image)); }
  const std::vector<std::string>& class_names() const override { return images_->class_names(); }
  void read(std::int64_t image, std::vector<std::uint8_t>& encoded) const override {
    images_->read(at(image), encoded);
  }
  std::string where(std::int64_t image) const override { return images_->where(at(image)); }
  std::uint64_t fingerprint() const override { return images_->fingerprint(); }
  bool is_shuffled() const override { return images_->is_shuffled(); }
  std::string why_no_classes() const override { return images_->why_no_classes(); }
  std::string note() const override { return images_->note(); }

 protected:
  explicit ChangedImages(std::unique_ptr<Dataset> images) : images_(std::move(images)) {}
  /// Which of the other's images this one is.
  virtual std::int64_t at(std::int64_t image) const { return image; }

 private:
  std::unique_ptr<Dataset> images_;
};

/// Images under the class names of another dataset.
class RelabelledImages final : public ChangedImages {
 public:
  RelabelledImages(std::unique_ptr<Dataset> images, std::vector<std::string> class_names,
                   std::vector<int> labels)
      : ChangedImages(std::move(images)),
        class_names_(std::move(class_names)),
        labels_(std::move(labels)) {}
  int label(std::int64_t image) const override {
    const int label = ChangedImages::label(image);
    return label < 0 ? label : labels_.at(static_cast<std::size_t>(label));
  }
  const std::vector<std::string>& class_names() const override { return class_names_; }

 private:
  std::vector<std::string> class_names_;
  std::vector<int> labels_;  // of class_names_, by the label in the other dataset
};

std::int64_t index_of(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) - names.begin();
}

/// Some of the images of another dataset.
class ChosenImages final : public ChangedImages {
 public:
  ChosenImages(std::unique_ptr<Dataset> all, std::vector<std::int64_t> chosen)
      : ChangedImages(std::move(all)), chosen_(std::move(chosen)) {}
  std::int64_t size() const override { return std::ssize(chosen_); }
  std::uint64_t fingerprint() const override {
    return XXH3_64bits_withSeed(chosen_.data(), chosen_.size() * sizeof(chosen_[0]),
                                ChangedImages::fingerprint());
  }

 private:
  std::int64_t at(std::int64_t image) const override {
    return chosen_.at(static_cast<std::size_t>(image));
  }

  std::vector<std::int64_t> chosen_;
};

std::string problem_of(const Dataset& images, std::int64_t image, PictureReader& reader) {
  try {
    std::vector<std::uint8_t> encoded;
    images.read(image, encoded);
    reader.open(encoded);
    reader.read_for_errors();
  } catch (const Error& e) {
    return utf8_name(e.what());
  }
  return "";
}

/// "number reason" in a line each, of this rank's share.
std::string bad_of_this_rank(const Dataset& images, int threads, int channels, Communicator& comm) {
  constexpr std::int64_t at_once = 256;
  WorkProgress progress(comm, "decoding", "images", images.size());
  std::vector<PictureReader> readers;
  for (int t = 0; t < std::max(threads, 1); ++t) readers.emplace_back(channels);
  std::string lines;
  const RankBatches shared(images.size(), at_once, comm);
  for (std::int64_t round = 0; round < shared.mine(); ++round) {
    const auto first = shared.first(round), count = shared.count(round);
    std::vector<std::string> problems(static_cast<std::size_t>(count));
    parallel_for(problems.size(), std::max(threads, 1), [&](std::size_t i, int thread) {
      problems[i] = problem_of(images, first + static_cast<std::int64_t>(i),
                               readers[static_cast<std::size_t>(thread)]);
    });
    for (std::int64_t i = 0; i < count; ++i)
      if (const auto& problem = problems[static_cast<std::size_t>(i)]; !problem.empty())
        lines += fmt::format("{} {}\n", first + i, problem);
    progress.add(shared.count_of_all(round));
  }
  return lines;
}

}  // namespace

std::unique_ptr<Dataset> open_images_on_all(const std::string& path, Communicator& comm,
                                            const Log& log) {
  std::unique_ptr<Dataset> images;
  on_all_ranks(comm, [&] { images = open_images(path); });
  require_equal_on_all_ranks(comm, "The images at " + path,
                             fmt::format("{:016x}", images->fingerprint()));
  if (const auto note = images->note(); !note.empty()) log.info("{}: {}.", utf8_name(path), note);
  return images;
}

void check_labels(const Dataset& images, const std::string& path) {
  const auto& names = images.class_names();
  check(!names.empty(), "{} {}.", path, images.why_no_classes());
  for (std::int64_t i = 0; i < images.size(); ++i)
    check(images.label(i) >= 0, "The image {} in {} has no label.", images.key(i), path);
}

void check_classes(const Dataset& images, const std::string& path) {
  check_labels(images, path);
  for (const auto& name : images.folders())
    check(index_of(images.class_names(), name) < std::ssize(images.class_names()),
          "The class folder {}/{} holds no image; add images or remove it.", path, name);
  check(images.class_names().size() > 1,
        "{} has one class only, {}; a classifier needs two or more.", path,
        images.class_names().front());
}

std::unique_ptr<Dataset> with_classes_of(const Dataset& train, const std::string& train_path,
                                         std::unique_ptr<Dataset> valid,
                                         const std::string& valid_path, const Log& log) {
  const auto& names = train.class_names();
  if (valid->class_names() == names) return valid;
  std::vector<int> labels;
  std::set<std::string> missing(names.begin(), names.end());
  for (const auto& name : valid->class_names()) {
    labels.push_back(static_cast<int>(index_of(names, name)));
    check(labels.back() < std::ssize(names),
          "{} has the class {}, but {} has not{}: heads and classifiers learn the classes of "
          "the training images alone.",
          valid_path, name, train_path, look_alike_note(name, names));
    missing.erase(name);
  }
  if (!missing.empty())
    log.info(
        "warning: {} has no images of {} of the {} classes, the first is {}; its figures say "
        "nothing of them.",
        valid_path, missing.size(), names.size(), *missing.begin());
  return std::make_unique<RelabelledImages>(std::move(valid), names, std::move(labels));
}

void leave_out_bad_images(std::unique_ptr<Dataset>& images, std::vector<BadImage>& bad, int threads,
                          int channels, Communicator& comm, const Log& log) {
  constexpr std::int64_t most_named = 10;
  log.info("Decoding all {} images first, to leave out what cannot be read.", images->size());
  std::string mine;
  on_all_ranks(comm, [&] { mine = bad_of_this_rank(*images, threads, channels, comm); });
  std::map<std::int64_t, std::string> found;
  for (const auto& text : comm.gather_all(mine)) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const auto blank = line.find(' ');
      found[std::stoll(line.substr(0, blank))] = line.substr(blank + 1);
    }
  }
  if (found.empty()) return;
  std::int64_t named = 0;
  for (const auto& [image, reason] : found) {
    bad.push_back({images->key(image), reason});
    if (named++ < most_named && comm.rank() == 0)
      log.warn("{} is left out: {}", bad.back().key, reason);
  }
  log.info("{} cannot be read and {} left out", counted(std::ssize(found), "image"),
           found.size() == 1 ? "is" : "are");
  std::vector<std::int64_t> good;
  for (std::int64_t i = 0; i < images->size(); ++i)
    if (!found.contains(i)) good.push_back(i);
  if (good.empty())
    throw AgreedError(fmt::format("None of the {} images can be read; the first, {}: {}",
                                  images->size(), images->key(found.begin()->first),
                                  found.begin()->second));
  images = std::make_unique<ChosenImages>(std::move(images), std::move(good));
}

void write_bad_images(const std::vector<BadImage>& bad, const std::string& folder) {
  const auto path = folder + "/bad_images.csv";
  std::error_code none;
  if (bad.empty()) {  // those of an earlier call are not of this one
    std::filesystem::remove(path, none);
    return;
  }
  std::string text = "key,reason\n";
  for (const auto& image : bad)
    text += fmt::format("{},{}\n", csv_field(image.key), csv_field(image.reason));
  write_file_atomically(path, text);
}

}  // namespace ijepa
