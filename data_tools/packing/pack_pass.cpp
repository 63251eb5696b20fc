#include "data_tools/packing/pack_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "data_tools/layout/label_twins.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shards/shard_format.hpp"

namespace ijepa::tools {
namespace {

constexpr std::int64_t max_image_bytes = std::int64_t{256} << 20;
constexpr const char* too_large = "larger than 256 MiB";
constexpr std::uint64_t max_pending_bytes = std::uint64_t{256} << 20;  // read and not yet spilled
constexpr std::size_t pending_per_thread = 32;
constexpr std::size_t stray_shard = 0;  // whose list of rejected files has those of no class

}  // namespace

std::string OutFolder::shard(const Plan& plan, std::size_t index) const {
  const PlannedShard& s = plan.shards()[index];
  return split(plan.layout().splits[s.split].name) + "/" +
         shard_file_name(s.shard, plan.num_shards(s.split));
}

std::string OutFolder::spill(std::size_t index) const {
  return fmt::format("{}/shard_{:05d}.spill", work(), index);
}

std::string OutFolder::rejected_of(std::size_t index) const {
  return fmt::format("{}/shard_{:05d}.rejected", work(), index);
}

void OutFolder::remove_work() const {
  std::error_code error;
  do {
    std::filesystem::remove_all(work(), error);
  } while (error == std::errc::no_such_file_or_directory);
  check(!error, "Cannot remove {}, which is only there while packing: {}.", work(),
        error.message());
}

PackPass::PackPass(const PackOptions& options, const Plan& plan, const OutFolder& out,
                   Progress& progress)
    : options_(options), plan_(plan), out_(out), progress_(progress), repeated_({}) {}

std::vector<std::unique_ptr<Spill>> PackPass::fill(const std::vector<std::size_t>& shards) {
  std::vector<std::unique_ptr<Spill>> spills;
  spills_.assign(plan_.shards().size(), nullptr);
  ordinals_.assign(plan_.layout().splits.size(), 0);
  for (const auto shard : shards) {
    spills.push_back(std::make_unique<Spill>(out_.spill(shard)));
    spills_[shard] = spills.back().get();
  }
  repeated_ = RepeatedNames(plan_.repeated());
  workers_ = std::make_unique<ImageWorkers>(options_.image, options_.threads);
  pending_.clear();
  ListingHash listing;
  auto source = open_source(options_.input);
  if (std::any_of(plan_.layout().splits.begin(), plan_.layout().splits.end(),
                  [](const auto& split) { return split.twins; }))
    source = std::make_unique<TwinSource>(std::move(source));
  const auto& names = plan_.layout().class_names;
  for (std::size_t i = 0; i < names.size(); ++i)
    twin_labels_[names[i]] = static_cast<std::int32_t>(i);
  for (SourceEntry entry; source->next(entry);) {
    if (entry.is_directory) continue;
    take_entry(*source, entry, static_cast<std::uint64_t>(listing.entries()));
    listing.add(entry);
  }
  while (!pending_.empty()) settle_oldest();
  workers_.reset();
  check(listing.entries() == plan_.entries() && listing.value() == plan_.listing_hash(),
        "{} has changed since packing began: {} files then, {} now (or other names and sizes). "
        "Remove {} to start again.",
        options_.input, plan_.entries(), listing.entries(), out_.path());
  return spills;
}

void PackPass::take_entry(Source& source, const SourceEntry& entry, std::uint64_t number) {
  const std::string& subdir = options_.layout.subdir;
  const bool comes_again = entry.problem.empty() && repeated_.comes_again(entry.path);
  if (!subdir.empty() && !entry.path.starts_with(subdir + "/")) return;
  const auto place = plan_.layout().place(entry.path);
  const Plan::Slot slot =
      place ? plan_.slot(place->split, ordinals_[place->split]++) : Plan::Slot{stray_shard, 0};
  Spill* spill = spills_[slot.shard];
  if (spill == nullptr) return;
  if (number < spill->next_entry()) {
    progress_.add(place ? 1 : 0, 0, 0);
    return;
  }
  Pending pending;
  pending.spill = spill;
  pending.path = entry.path;
  pending.record.entry = number;
  pending.record.position = slot.position;
  pending.record.source_bytes = static_cast<std::uint64_t>(entry.bytes);
  if (place) {
    const auto twin = twin_labels_.find(entry.label);
    const bool by_twin = plan_.layout().splits[place->split].twins && twin != twin_labels_.end();
    pending.record.label = by_twin ? twin->second : place->label;
    pending.record.key = place->key;
  }
  const std::string problem = problem_of(entry, pending, place.has_value(), comes_again);
  Payload payload = problem.empty() ? source.fetch() : Payload{{}, "", problem};
  // Some archives tell a member's size only behind it.
  if (std::ssize(payload.bytes) > max_image_bytes) payload = {{}, "", too_large};
  pending.held = std::max<std::uint64_t>(pending.record.source_bytes, payload.bytes.size());
  pending_bytes_ += pending.held;
  workers_->submit(std::move(payload));
  pending_.push_back(std::move(pending));
  const std::size_t most = pending_per_thread * static_cast<std::size_t>(options_.threads);
  while (pending_.size() > most || (pending_bytes_ > max_pending_bytes && !pending_.empty()))
    settle_oldest();
}

std::string PackPass::problem_of(const SourceEntry& entry, const Pending& pending, bool placed,
                                 bool comes_again) const {
  if (!entry.problem.empty()) return entry.problem;
  const std::string& subdir = options_.layout.subdir;
  if (has_hidden_part(std::string_view(entry.path).substr(subdir.empty() ? 0 : subdir.size() + 1)))
    return "a hidden name";
  if (leads_out(entry.path)) return "leads out of the input";
  if (plan_.layout().is_annotation(entry.path)) return "annotations of images beside it";
  if (!placed) return "outside of every class folder";
  if (!entry.label.empty() && is_label_twin(entry.path)) return "the label of an image";
  if (comes_again) return "the input holds it again later, and the last one counts";
  if (pending.record.key.size() > max_key_bytes)
    return fmt::format("its path is longer than {} bytes", max_key_bytes);
  if (entry.bytes > max_image_bytes) return too_large;
  return "";
}

void PackPass::settle_oldest() {
  const PackedImage image = workers_->take();
  Pending& p = pending_.front();
  const bool rejected = !image.problem.empty();
  if (rejected) {
    p.record.kind = SpillRecord::Kind::rejected;
    p.record.key = p.path;
    const auto* text = reinterpret_cast<const std::uint8_t*>(image.problem.data());
    p.spill->append(p.record, {text, image.problem.size()});
  } else {
    p.record.checksum = image_checksum(image.bytes, p.record.key, p.record.label);
    p.spill->append(p.record, image.bytes);
    if (image.first_of_several) ++first_of_several_;
  }
  progress_.add(1, static_cast<std::int64_t>(image.bytes.size()), rejected ? 1 : 0);
  pending_bytes_ -= p.held;
  pending_.pop_front();
}

}  // namespace ijepa::tools
