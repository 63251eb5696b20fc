#include "ijepa/tasks/readable_images.hpp"

#include <xxhash.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "feature_csv.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/picture_reader.hpp"
#include "ijepa/tasks/rank_batches.hpp"
#include "work_progress.hpp"

namespace ijepa {
namespace {

/// Some of the images of another source.
class ChosenImages final : public ChangedImages {
 public:
  ChosenImages(std::unique_ptr<ImageSource> all, std::vector<std::int64_t> chosen)
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

std::string problem_of(const ImageSource& images, std::int64_t image, PictureReader& reader) {
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
std::string bad_of_this_rank(const ImageSource& images, int threads, int channels,
                             Communicator& comm) {
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

void leave_out_bad_images(std::unique_ptr<ImageSource>& images, std::vector<BadImage>& bad,
                          int threads, int channels, Communicator& comm, const Log& log) {
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
  log.info("{} images cannot be read and are left out", found.size());
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
  if (bad.empty()) return;
  std::string text = "key,reason\n";
  for (const auto& image : bad)
    text += fmt::format("{},{}\n", csv_field(image.key), csv_field(image.reason));
  write_file_atomically(folder + "/bad_images.csv", text);
}

}  // namespace ijepa
