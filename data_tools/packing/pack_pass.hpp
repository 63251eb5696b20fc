// PackPass: one reading of the input that fills the spills of some shards. The images of all other
// shards are passed over, so ranks need not talk: each reads the input for its own shards.
#pragma once
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "data_tools/packing/image_packer.hpp"
#include "data_tools/packing/plan.hpp"
#include "data_tools/packing/progress.hpp"
#include "data_tools/packing/spill.hpp"

namespace ijepa::tools {

/// The names of the files of a packing run, finished and unfinished.
class OutFolder {
 public:
  explicit OutFolder(std::string out) : out_(std::move(out)) {}

  const std::string& path() const { return out_; }
  std::string manifest() const {
    return out_ + "/manifest.json";
  }  // written last: the set is whole
  std::string rejected() const { return out_ + "/rejected.csv"; }
  /// The folder of one split's shards: the folder itself where there are no splits.
  std::string split(const std::string& name) const {
    return name.empty() ? out_ : out_ + "/" + name;
  }
  std::string shard(const Plan& plan, std::size_t index) const;

  /// What is only there while packing.
  std::string work() const { return out_ + "/.packing"; }
  std::string plan() const { return work() + "/plan.json"; }
  std::string spill(std::size_t index) const;
  std::string rejected_of(std::size_t index) const;
  /// Removes work(), from which other ranks may be removing their own files. Error: it stays.
  void remove_work() const;

 private:
  std::string out_;
};

class PackPass {
 public:
  PackPass(const PackOptions& options, const Plan& plan, const OutFolder& out, Progress& progress);

  /// The filled spills of `shards` (indices into plan.shards()), in that order. What an interrupted
  /// pass has spilled is kept. Error: the input is damaged or not the one that was counted.
  std::vector<std::unique_ptr<Spill>> fill(const std::vector<std::size_t>& shards);
  /// Images packed since then of which a file holds more.
  std::int64_t first_of_several() const { return first_of_several_; }

 private:
  struct Pending {
    Spill* spill = nullptr;
    SpillRecord record;
    std::string path;        // in the input
    std::uint64_t held = 0;  // bytes in memory, or that will be
  };

  void take_entry(Source& source, const SourceEntry& entry, std::uint64_t number);
  std::string problem_of(const SourceEntry& entry, const Pending& pending, bool placed,
                         bool comes_again) const;
  void settle_oldest();

  const PackOptions& options_;
  const Plan& plan_;
  const OutFolder& out_;
  Progress& progress_;
  std::vector<Spill*> spills_;           // by shard of the plan, null if not of this pass
  std::vector<std::uint64_t> ordinals_;  // by split: the next candidate
  RepeatedNames repeated_;
  std::unordered_map<std::string, std::int32_t> twin_labels_;  // of the labels beside images
  std::deque<Pending> pending_;                                // what the workers have
  std::uint64_t pending_bytes_ = 0;
  std::int64_t first_of_several_ = 0;
  std::unique_ptr<ImageWorkers> workers_;
};

}  // namespace ijepa::tools
