#include "data_tools/packing/packer.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "data_tools/packing/pack_pass.hpp"
#include "data_tools/packing/spill.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/core/path.hpp"
#include "ijepa/data/shards/shard_set.hpp"

namespace ijepa::tools {
namespace fs = std::filesystem;
using nlohmann::json;
using Phase = RankProgress::Phase;
namespace {

constexpr std::chrono::seconds rank_patience{120};
constexpr std::chrono::milliseconds poll_every{100};
constexpr std::size_t reasons_kept = 10;

/// "seed (1 there, 2 now), short_side (...)"
std::string differences(const json& there, const json& now) {
  std::string text;
  for (const auto& [name, value] : now.items())
    if (!there.contains(name) || there.at(name) != value)
      text += fmt::format("{}{} ({} there, {} now)", text.empty() ? "" : ", ", name,
                          there.value(name, json("absent")).dump(), value.dump());
  return text;
}

json read_json(const std::string& path) {
  try {
    return json::parse(read_text_file(path));
  } catch (const json::exception& error) {
    fail("{} is damaged ({}). Remove it, or the whole folder, to start again.", path,
         json_reason(error));
  }
}

void check_options(const PackOptions& o) {
  check(!fs::exists(o.out) || fs::is_directory(o.out), "--out {} is a file.", o.out);
  check(o.shard_bytes > 0 && o.images_per_shard >= 0, "The size of a shard must be positive.");
  check(fs::exists(o.input), "There is no input at {}.", o.input);
  check(!lies_in(o.out, o.input), "--out {} lies in the input {}: its shards would become input.",
        o.out, o.input);
}

/// How many spills may be open at once, after raising the limit as far as the system allows.
std::size_t open_file_budget() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::max<std::size_t>(limit.rlim_cur / 2, 16);
}

using Reasons = std::vector<std::pair<std::string, std::int64_t>>;

/// Some reasons name bytes and sizes, so that there may be as many as files.
Reasons commonest(const std::map<std::string, std::int64_t>& counts) {
  Reasons sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  sorted.resize(std::min(sorted.size(), reasons_kept));
  return sorted;
}

class Packer {
 public:
  Packer(const PackOptions& options, const Ranks& ranks, const Log& log)
      : options_(options),
        ranks_(ranks),
        log_(log),
        out_(options.out),
        identity_(Plan::identity_of(options)) {}

  PackSummary run() {
    if (is_complete()) return summary(read_json(out_.manifest()));
    make_folder(out_.work());
    RankFile file(out_.work(), ranks_.rank);
    {
      Progress progress(ranks_, out_.work(), file);
      const std::optional<Plan> plan = ranks_.rank == 0 ? make_plan(progress) : await_plan();
      if (!plan) return summary(read_json(out_.manifest()));
      make_shards(*plan, progress);
      progress.start(Phase::finished, 0);
      if (ranks_.rank != 0) return {};
      await_shards(*plan);
      finish(*plan);
    }
    return summary(read_json(out_.manifest()));
  }

 private:
  /// Error if the folder holds the finished set of another input or other options.
  bool is_complete() const {
    if (!fs::exists(out_.manifest())) return false;
    const json there = read_json(out_.manifest()).at("identity");
    check(there == identity_,
          "{} holds a finished set made differently: {}. Choose another --out, or remove it.",
          out_.path(), differences(there, identity_));
    return true;
  }

  Plan load_plan() const {
    const json stored = read_json(out_.plan());
    check(stored.at("identity") == identity_,
          "{} holds an unfinished set made differently: {}. Choose another --out, or remove it.",
          out_.path(), differences(stored.at("identity"), identity_));
    return Plan::from_json(stored);
  }

  Plan make_plan(Progress& progress) const {
    if (fs::exists(out_.plan())) {
      log_.info("Going on with the unfinished set in {}.", out_.path());
      return load_plan();
    }
    for (const auto& entry : fs::directory_iterator(out_.path()))
      check(entry.path().extension() != ".h5",
            "{} already holds {}, which is not of this set. Choose another --out.", out_.path(),
            entry.path().filename().string());
    progress.start(Phase::counting, 0);
    const Plan plan = Plan::count(
        options_, [&](const SourceEntry& e) { progress.add(e.is_directory ? 0 : 1, e.bytes, 0); });
    describe(plan);
    write_file_atomically(out_.plan(), plan.to_json().dump(1));
    return plan;
  }

  void describe(const Plan& plan) const {
    log_.info("{}", plan.description());
    for (const auto& note : plan.layout().notes) log_.info("{}", note);
    for (const auto& warning : plan.layout().warnings) log_.warn("{}", warning);
    if (!plan.repeated().empty())
      log_.info("{} names come more than once: the last file of each counts.",
                plan.repeated().size());
    for (const auto& name : plan.layout().empty_classes)
      log_.info("The class folder {} is empty; it keeps its place among the labels.", name);
    std::int64_t bytes = 0;
    for (const auto& split : plan.layout().splits) bytes += split.bytes;
    const auto space = static_cast<std::int64_t>(fs::space(out_.path()).available);
    if (options_.image.short_side == 0 && space < bytes)
      log_.warn("{} has {} free, the images need about {}.", out_.path(), bytes_text(space),
                bytes_text(bytes));
  }

  /// The plan that rank 0 makes; nullopt if the set turns out to be complete.
  std::optional<Plan> await_plan() const {
    for (RankWatch watch(out_.work(), rank_patience);; std::this_thread::sleep_for(poll_every)) {
      if (is_complete()) return std::nullopt;
      if (fs::exists(out_.plan())) return load_plan();
      watch.expect_alive(0);
    }
  }

  bool is_done(const Plan& plan, std::size_t index) const {
    const std::string path = out_.shard(plan, index);
    if (!fs::exists(path)) return false;
    check(ShardFile(path).set_id() == plan.set_id(plan.shards()[index].split),
          "{} belongs to another set. Remove it, or choose another --out.", path);
    return true;
  }

  void make_shards(const Plan& plan, Progress& progress) const {
    std::vector<std::size_t> todo;
    for (auto i = static_cast<std::size_t>(ranks_.rank); i < plan.shards().size();
         i += static_cast<std::size_t>(ranks_.size))
      if (!is_done(plan, i)) todo.push_back(i);
    const std::size_t budget = open_file_budget();
    for (std::size_t begin = 0; begin < todo.size(); begin += budget) {
      const auto end = std::min(begin + budget, todo.size());
      make_group(plan,
                 {todo.begin() + static_cast<std::ptrdiff_t>(begin),
                  todo.begin() + static_cast<std::ptrdiff_t>(end)},
                 progress);
    }
  }

  void make_group(const Plan& plan, const std::vector<std::size_t>& group,
                  Progress& progress) const {
    std::int64_t candidates = 0;
    for (const auto i : group) candidates += plan.shards()[i].candidates;
    progress.start(Phase::packing, candidates);
    PackPass pass(options_, plan, out_, progress);
    auto spills = pass.fill(group);
    if (const auto several = pass.first_of_several(); several > 0)
      log_.warn(
          "{} TIFF file{} several pictures of one size and kind: the first of each is packed "
          "alone.",
          several, several == 1 ? " holds" : "s hold");
    progress.start(Phase::writing, candidates);
    for (std::size_t k = 0; k < group.size(); ++k) {
      const PlannedShard& shard = plan.shards()[group[k]];
      const std::string path = out_.shard(plan, group[k]);
      make_folder(fs::path(path).parent_path().string());
      build_shard(*spills[k],
                  {shard.shard, plan.num_shards(shard.split), plan.set_id(shard.split),
                   plan.layout().class_names},
                  path, out_.rejected_of(group[k]),
                  [&](std::int64_t bytes) { progress.add(1, bytes, 0); });
      spills[k].reset();
      fs::remove(out_.spill(group[k]));
    }
  }

  void await_shards(const Plan& plan) const {
    RankWatch watch(out_.work(), rank_patience);
    for (std::size_t i = 0; i < plan.shards().size(); ++i)
      while (!fs::exists(out_.shard(plan, i))) {
        watch.expect_alive(static_cast<int>(i % static_cast<std::size_t>(ranks_.size)));
        std::this_thread::sleep_for(poll_every);
      }
  }

  void finish(const Plan& plan) const {
    std::vector<Rejected> rejected;
    for (std::size_t i = 0; i < plan.shards().size(); ++i)
      read_rejected(out_.rejected_of(i), rejected);
    std::sort(rejected.begin(), rejected.end(),
              [](const auto& a, const auto& b) { return a.entry < b.entry; });
    std::string text = rejected_header;
    std::map<std::string, std::int64_t> reasons;
    for (const auto& r : rejected) {
      text += r.line + "\n";
      ++reasons[r.reason];
    }
    write_file_atomically(out_.rejected(), text);
    json sets = json::array();
    std::int64_t images = 0;
    for (const auto& split : plan.layout().splits) {
      const ShardSet set = ShardSet::open(out_.split(split.name));
      images += set.size();
      sets.push_back({{"name", split.name},
                      {"images", set.size()},
                      {"shards", set.num_shards()},
                      {"fingerprint", fmt::format("{:016x}", set.fingerprint())}});
    }
    check(images > 0, "None of the {} files of {} is an image that can be used; {} says why.",
          plan.entries(), options_.input, out_.rejected());
    json manifest{{"format", "ijepa shard set"},
                  {"identity", identity_},
                  {"sets", sets},
                  {"rejected", rejected.size()}};
    if (!reasons.empty()) manifest["reasons"] = commonest(reasons);
    write_file_atomically(out_.manifest(), manifest.dump(1) + "\n");
    was_complete_ = false;
  }

  /// What the finished folder holds; leftovers of the work are removed.
  PackSummary summary(const json& manifest) const {
    PackSummary s;
    s.was_complete = was_complete_;
    s.rejected = manifest.at("rejected");
    s.rejected_path = out_.rejected();
    if (manifest.contains("reasons")) manifest.at("reasons").get_to(s.reasons);
    if (ranks_.rank != 0) return s;
    out_.remove_work();
    for (const auto& entry : manifest.at("sets")) {
      const std::string path = out_.split(entry.at("name"));
      const ShardSet set = ShardSet::open(path);
      PackSummary::Set row{path, set.num_shards(), set.size(), 0, set.fingerprint()};
      for (int i = 0; i < set.num_shards(); ++i)
        row.bytes += static_cast<std::int64_t>(fs::file_size(set.shard_path(i)));
      s.class_names = set.class_names();
      s.sets.push_back(row);
    }
    return s;
  }

  const PackOptions& options_;
  Ranks ranks_;
  const Log& log_;
  OutFolder out_;
  json identity_;
  mutable bool was_complete_ = true;
};

}  // namespace

PackSummary pack(const PackOptions& options, const Ranks& ranks, const Log& log) {
  check_options(options);
  return Packer(options, ranks, log).run();
}

}  // namespace ijepa::tools
