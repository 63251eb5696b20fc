// PackPass: one reading of the input that fills the spills of some shards. The images of all other
// shards are passed over, so ranks need not talk: each reads the input for its own shards.
#pragma once
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "data_tools/image_packer.hpp"
#include "data_tools/out_folder.hpp"
#include "data_tools/plan.hpp"
#include "data_tools/progress.hpp"
#include "data_tools/spill.hpp"

namespace ijepa::tools {

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
