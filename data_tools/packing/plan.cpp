#include "data_tools/packing/plan.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "data_tools/layout/label_twins.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/path.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shards/shard_format.hpp"

namespace ijepa::tools {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

std::uint64_t hash_of(const std::string& path) {
  return hash_bytes(path.data(), path.size());
}

constexpr std::int64_t max_shards = 99'999;  // five digits in a shard's name

/// ceil(a * b / c) of 64-bit numbers.
std::uint64_t scaled(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(a) * b + c - 1) / c);
}

std::int64_t wanted_shards(const json& identity, const Split& split) {
  const auto per_shard = identity.at("images_per_shard").get<std::int64_t>();
  const auto parts = per_shard > 0
                         ? std::pair(split.candidates, per_shard)
                         : std::pair(split.bytes, identity.at("shard_bytes").get<std::int64_t>());
  const std::int64_t count = (parts.first + parts.second - 1) / parts.second;
  return std::clamp<std::int64_t>(count, 1, std::max<std::int64_t>(split.candidates, 1));
}

}  // namespace

void NameCounter::add(const std::string& path) {
  hashes_.push_back(hash_of(path));
}

std::unordered_map<std::uint64_t, std::int64_t> NameCounter::repeated() {
  std::sort(hashes_.begin(), hashes_.end());
  std::unordered_map<std::uint64_t, std::int64_t> counts;
  for (std::size_t begin = 0, end = 0; begin < hashes_.size(); begin = end) {
    while (end < hashes_.size() && hashes_[end] == hashes_[begin]) ++end;
    if (end - begin > 1) counts[hashes_[begin]] = static_cast<std::int64_t>(end - begin);
  }
  return counts;
}

bool RepeatedNames::comes_again(const std::string& path) {
  if (left_.empty()) return false;
  const auto at = left_.find(hash_of(path));
  return at != left_.end() && --at->second > 0;
}

void ListingHash::add(const SourceEntry& entry) {
  if (entry.is_directory) return;
  value_ = hash_bytes(entry.path.data(), entry.path.size(),
                      value_ + static_cast<std::uint64_t>(entry.bytes));
  ++entries_;
}

json Plan::identity_of(const PackOptions& o) {
  json identity{{"input", utf8_name(real_path(o.input))},
                {"subdir", o.layout.subdir},
                {"seed", o.seed},
                {"shard_bytes", o.images_per_shard > 0 ? 0 : o.shard_bytes},
                {"images_per_shard", o.images_per_shard},
                {"short_side", o.image.short_side},
                {"quality", o.image.short_side > 0 ? o.image.quality : 0},
                {"max_pixels", o.image.max_pixels}};
  if (o.test_share > 0) identity["test_share"] = o.test_share;
  if (o.image.channels != 3) identity["channels"] = o.image.channels;
  if (o.layout.no_splits) identity["no_splits"] = true;
  for (const auto& [name, folder] : o.layout.splits) identity["splits"][name] = folder;
  if (fs::is_regular_file(o.input)) {
    identity["input_bytes"] = fs::file_size(o.input);
    identity["input_time"] =
        std::chrono::file_clock::to_sys(fs::last_write_time(o.input)).time_since_epoch().count();
  }
  return identity;
}

Plan Plan::count(const PackOptions& options, const std::function<void(const SourceEntry&)>& seen) {
  const auto source = open_source(options.input);
  FolderTree tree(options.layout.subdir);
  NameCounter names;
  TwinClasses twins;
  ListingHash listing;
  for (SourceEntry entry; source->next(entry);) {
    listing.add(entry);
    tree.add(entry);
    twins.add(entry, *source);
    if (!entry.is_directory && entry.problem.empty()) names.add(entry.path);
    seen(entry);
  }
  tree.finish();
  LayoutChoice choice = options.layout;
  choice.input_name = without_archive_name(fs::path(real_path(options.input)).filename());
  Plan plan;
  plan.identity_ = identity_of(options);
  plan.layout_ = find_layout(tree, choice, twins.names());
  if (twins.alone() > 0 && std::ranges::any_of(plan.layout_.splits, &Split::twins))
    plan.layout_.warnings.push_back(
        fmt::format("{} .cls {} no image of the same name directly before or behind {}, so that "
                    "images may lack "
                    "their labels. A tar needs them side by side: tar --sort=name.",
                    twins.alone(), twins.alone() == 1 ? "file has" : "files have",
                    twins.alone() == 1 ? "it" : "them"));
  plan.description_ = layout_text(plan.layout_, tree, choice);
  plan.repeated_ = names.repeated();
  plan.entries_ = listing.entries();
  plan.listing_hash_ = listing.value();
  if (options.test_share > 0 && plan.layout_.splits.size() == 1) plan.put_aside(options.test_share);
  plan.plan_shards();
  return plan;
}

void Plan::put_aside(double share) {
  Split& train = layout_.splits.front();
  check(train.candidates >= 2, "One image cannot be shared out between training and test.");
  Split test = train;
  test.name = "test";
  test.candidates = std::clamp<std::int64_t>(
      std::llround(share * static_cast<double>(train.candidates)), 1, train.candidates - 1);
  test.bytes = std::llround(share * static_cast<double>(train.bytes));
  train.name = "train";
  train.candidates -= test.candidates;
  train.bytes -= test.bytes;
  layout_.splits.push_back(test);
}

std::uint64_t Plan::held_out(std::size_t split) const {
  const auto& splits = layout_.splits;
  // Splits of the input itself lie in different folders.
  const bool shared = split + 1 < splits.size() && splits[split + 1].prefix == splits[split].prefix;
  return shared ? static_cast<std::uint64_t>(splits[split + 1].candidates) : 0;
}

void Plan::plan_shards() {
  const auto seed = identity_.at("seed").get<std::uint64_t>();
  for (std::size_t s = 0; s < layout_.splits.size(); ++s) {
    const Split& split = layout_.splits[s];
    const std::int64_t count = wanted_shards(identity_, split);
    check(count <= max_shards, "{} shards are too many: choose a larger --shard-size.", count);
    num_shards_.push_back(static_cast<int>(count));
    first_shard_.push_back(shards_.size());
    const auto n = static_cast<std::uint64_t>(split.candidates);
    const auto shards = static_cast<std::uint64_t>(count);
    // The split is part of the key: two splits of one size are not in the same order.
    permutations_.emplace_back(n + held_out(s), seed, Purpose::packing, s);
    for (std::uint64_t i = 0; i < shards; ++i)
      shards_.push_back(
          {s, static_cast<int>(i),
           static_cast<std::int64_t>(scaled(i + 1, n, shards) - scaled(i, n, shards))});
  }
}

Plan::Slot Plan::slot(std::size_t split, std::uint64_t ordinal) const {
  auto n = static_cast<std::uint64_t>(layout_.splits[split].candidates);
  check(ordinal < n + held_out(split), "The input holds more files than when it was counted.");
  std::uint64_t position = permutations_[split](ordinal);
  if (position >= n) {
    position -= n;
    n = held_out(split);
    ++split;
  }
  const auto shard = static_cast<std::uint64_t>(static_cast<unsigned __int128>(position) *
                                                static_cast<std::uint64_t>(num_shards_[split]) / n);
  return {first_shard_[split] + shard, position};
}

std::uint64_t Plan::set_id(std::size_t split) const {
  json shape = identity_;
  // Where the input lies and when it was copied there does not change the set.
  for (const char* name : {"input", "input_bytes", "input_time"}) shape.erase(name);
  const std::string text = shape.dump() + "/" + layout_.splits[split].name;
  return hash_bytes(text.data(), text.size(), listing_hash_);
}

json Plan::to_json() const {
  json splits = json::array();
  for (const auto& s : layout_.splits)
    splits.push_back({{"name", s.name},
                      {"prefix", s.prefix},
                      {"labelled", s.labelled},
                      {"candidates", s.candidates},
                      {"bytes", s.bytes},
                      {"twins", s.twins}});
  json annotations = json::array();
  for (const auto& folder : layout_.annotations) annotations.push_back(folder.prefix);
  json repeated = json::array();
  for (const auto& [hash, count] : repeated_) repeated.push_back({hash, count});
  return {{"identity", identity_},     {"repeated", repeated},
          {"entries", entries_},       {"listing_hash", listing_hash_},
          {"splits", splits},          {"class_names", layout_.class_names},
          {"annotations", annotations}};
}

Plan Plan::from_json(const json& j) {
  Plan plan;
  plan.identity_ = j.at("identity");
  plan.entries_ = j.at("entries");
  plan.listing_hash_ = j.at("listing_hash");
  plan.layout_.class_names = j.at("class_names");
  for (const auto& prefix : j.value("annotations", json::array()))
    plan.layout_.annotations.push_back({prefix, {}});
  for (const auto& name : j.value("repeated", json::array()))
    plan.repeated_[name.at(0)] = name.at(1);
  for (const auto& s : j.at("splits"))
    plan.layout_.splits.push_back({s.at("name"), s.at("prefix"), s.at("labelled"),
                                   s.at("candidates"), s.at("bytes"), s.value("twins", false)});
  plan.plan_shards();
  return plan;
}

}  // namespace ijepa::tools
