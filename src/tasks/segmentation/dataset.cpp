#include "ijepa/tasks/segmentation/dataset.hpp"

#include <algorithm>
#include <numeric>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/core/permutation.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"
#include "ijepa/tasks/segmentation/pairs.hpp"

namespace ijepa {
namespace {

std::string names_of(const std::vector<ImagePair>& pairs) {
  std::string names;
  for (const auto& pair : pairs) names += pair.image + "\n" + pair.mask + "\n";
  return names;
}

constexpr double warned_share = 0.001;

double sum_of(const MaskContent& content) {
  return static_cast<double>(
      std::accumulate(content.pixels.begin(), content.pixels.end(), std::int64_t{0}));
}

std::string shares_text(const MaskContent& content, const Labels& labels) {
  const auto share = [&](std::size_t i) {
    return 100 * static_cast<double>(content.pixels[i]) / sum_of(content);
  };
  std::string out;
  for (std::size_t c = 0; c < labels.classes.size(); ++c)
    out += fmt::format("{} {:.2f} %, ", labels.classes[c].name, share(c));
  return out + fmt::format("ignored {:.2f} %", share(labels.classes.size()));
}

std::string fate_of_unknown(const Labels& labels) {
  if (labels.two_sided())
    return fmt::format("count as {}, like all that is not {}", labels.classes[1].name,
                       labels.masks == MaskKind::index ? "0" : "black");
  return labels.unknown == UnknownColour::ignore
             ? "are ignored (unknown_colour)"
             : fmt::format("count as {} (unknown_colour)", labels.classes[0].name);
}

/// The class that a colour would be with red and blue swapped, as OpenCV hands them out.
std::string swapped_hint(const Labels& labels, std::uint32_t code) {
  const auto c = colour_of(code);
  if (labels.masks == MaskKind::colour)
    for (const auto& own : labels.classes)
      if (rgb_of(own.mask) == Rgb{c[2], c[1], c[0]})
        return fmt::format(" Are red and blue swapped? {} is {}.",
                           value_text(labels.masks, mask_code({c[2], c[1], c[0]})), own.name);
  return "";
}

void report_unknown(const MaskContent& content, const Labels& labels, const SegmentationData& data,
                    const std::string& masks, const Log& log) {
  const auto unknown = static_cast<double>(content.unknown.pixels());
  if (unknown == 0) return;
  const auto share = [&](double pixels) { return 100 * pixels / sum_of(content); };
  const auto first = content.unknown.commonest(3);
  std::vector<std::string> shown;
  for (const auto& v : first)
    shown.push_back(
        fmt::format("{} {:.2f} %, first in {} at x = {}, y = {}", value_text(labels.masks, v.code),
                    share(static_cast<double>(v.pixels)), data.pair(v.pair).mask, v.x, v.y));
  const auto text = fmt::format(
      "{}: {:.2f} % of the pixels are of {} that are no class: {}. They {}.{}", masks,
      share(unknown), labels.masks == MaskKind::index ? "values" : "colours",
      fmt::join(shown, "; "), fate_of_unknown(labels), swapped_hint(labels, first[0].code));
  // Masks of two classes that show the second by one other value, such as 1 or 255, are in order.
  const bool usual = labels.two_sided() && content.unknown.commonest(2).size() == 1;
  if (unknown < warned_share * sum_of(content) || usual)
    log.info("{}", text);
  else
    log.warn("{}", text);
}

void report_absent(const MaskContent& content, const Labels& labels, const std::string& masks,
                   const Log& log) {
  std::vector<std::string> absent;
  for (std::size_t c = 0; c < labels.classes.size(); ++c)
    if (content.pixels[c] == 0) absent.push_back(labels.classes[c].name);
  if (!absent.empty())
    log.warn("{}: no pixel is of the class{} {}", masks, absent.size() > 1 ? "es" : "",
             fmt::join(absent, ", "));
}

}  // namespace

SegmentationData::SegmentationData(const PairSource& source, const PairReader& reader,
                                   std::int64_t classes, Size size, Communicator& comm,
                                   const Log& log)
    : classes_(classes), reader_(reader), size_(size) {
  PairList found;
  on_all_ranks(comm, [&] { found = find_pairs(source); });
  pairs_ = std::move(found.pairs);
  require_equal_on_all_ranks(
      comm, "The list of images in " + source.images,
      fmt::format("{} pairs, {:016x}", pairs_.size(), std::hash<std::string>()(names_of(pairs_))));
  if (comm.rank() == 0 && found.without_mask > 0)
    log.warn("{}: {} of {} images have no mask and are left out; the first is {}", source.images,
             found.without_mask, found.without_mask + this->size(), found.first_without_mask);
}

MaskContent SegmentationData::inspect_own(int threads, int rank, int ranks) const {
  const auto kinds = static_cast<std::size_t>(classes_) + 1;
  std::vector<MaskContent> parts(static_cast<std::size_t>(std::max(threads, 1)));
  for (auto& part : parts) part.pixels.resize(kinds);
  const RankBatches shared(size(), 1, rank, ranks);
  parallel_for(static_cast<std::size_t>(shared.mine()), threads, [&](std::size_t i, int thread) {
    auto& part = parts[static_cast<std::size_t>(thread)];
    const auto number = shared.first(static_cast<std::int64_t>(i));
    const auto pair = reader_.read(this->pair(number), &part.unknown, number);
    part.turned += pair.turned;
    for (const auto label : pair.labels.index)
      ++part.pixels[std::min<std::size_t>(label, kinds - 1)];
  });
  for (std::size_t t = 1; t < parts.size(); ++t) {
    std::ranges::transform(parts[0].pixels, parts[t].pixels, parts[0].pixels.begin(),
                           std::plus<>());
    parts[0].unknown.add(parts[t].unknown);
    parts[0].turned += parts[t].turned;
  }
  return std::move(parts[0]);
}

MaskContent SegmentationData::inspect(int threads, Communicator& comm) const {
  MaskContent own, all;
  on_all_ranks(comm, [&] { own = inspect_own(threads, comm.rank(), comm.size()); });
  std::vector<double> sum(own.pixels.begin(), own.pixels.end());
  sum.push_back(static_cast<double>(own.turned));
  comm.all_reduce(sum, Reduction::sum);
  all.turned = static_cast<std::int64_t>(sum.back());
  sum.pop_back();
  all.pixels.assign(sum.begin(), sum.end());
  constexpr std::size_t sent = 64;
  const auto pixels = comm.gather_all_values(own.unknown.pixels());
  const auto values = comm.gather_all_lists(own.unknown.commonest(sent));
  for (std::size_t rank = 0; rank < values.size(); ++rank)
    all.unknown.add(values[rank], pixels[rank]);
  return all;
}

void SegmentationData::make_room(PairBatch& batch) const {
  batch.data = this;
  batch.size = size_;
  batch.labels.resize(batch.pairs.size());
  batch.rgb.resize(batch.pairs.size() *
                   static_cast<std::size_t>(PixelBatch{nullptr, 1, size_}.bytes_each()));
}

void SegmentationData::open(PairBatch& batch, std::int64_t first, std::int64_t count) const {
  batch.pairs.clear();
  for (auto pair = first; pair < first + count; ++pair) batch.pairs.push_back({pair, {}});
  make_room(batch);
}

void SegmentationData::open(PairBatch& batch, std::uint64_t seed, std::int64_t epoch,
                            std::int64_t first, std::int64_t count, bool augmented) const {
  const auto n = static_cast<std::uint64_t>(size()), e = static_cast<std::uint64_t>(epoch);
  const Permutation order(n, seed, Purpose::order, e);
  batch.pairs.clear();
  for (auto position = first; position < first + count; ++position) {
    const auto p = static_cast<std::uint64_t>(position);
    PairView view{static_cast<std::int64_t>(order.find(p)), {}};
    Rng rng(seed, Purpose::augment, e, p);
    if (augmented) view.draw = PairDraw::draw(rng);
    batch.pairs.push_back(view);
  }
  make_room(batch);
}

void SegmentationData::fill(PairBatch& batch, std::int64_t i) const {
  const auto& view = batch.pairs[static_cast<std::size_t>(i)];
  LabelledImage read = resized(reader_.read(pair(view.pair)), size_);
  if (view.draw) augment(*view.draw, read);
  std::ranges::copy(read.image.rgb, batch.rgb.begin() + i * std::ssize(read.image.rgb));
  batch.labels[static_cast<std::size_t>(i)] = std::move(read.labels);
}

PairBatch SegmentationData::batch(std::int64_t first, std::int64_t count) const {
  PairBatch out;
  open(out, first, count);
  for (std::int64_t i = 0; i < count; ++i) fill(out, i);
  return out;
}

void check_classes(const MaskContent& content, const Labels& labels, const std::string& masks) {
  const auto kinds = std::span(content.pixels).first(labels.classes.size());
  const auto present = std::ranges::count_if(kinds, [](auto n) { return n > 0; });
  check(present > 0, "All pixels of the masks in {} are ignored.", masks);
  const auto first = std::ranges::find_if(kinds, [](auto n) { return n > 0; }) - kinds.begin();
  check(present > 1,
        "All labelled pixels of the masks in {} are of the class {}: there is nothing to learn. Do "
        "the mask {} of the configuration fit these masks?",
        masks, labels.classes[static_cast<std::size_t>(first)].name,
        labels.masks == MaskKind::index ? "values" : "colours");
}

void report_masks(const MaskContent& content, const Labels& labels, const SegmentationData& data,
                  const std::string& masks, const Log& log) {
  log.info("{}: {} masks: {}", masks, data.size(), shares_text(content, labels));
  if (content.turned > 0)
    log.info("{}: {} of their images are turned upright as their EXIF orientation says", masks,
             content.turned);
  report_unknown(content, labels, data, masks, log);
  report_absent(content, labels, masks, log);
}

}  // namespace ijepa
