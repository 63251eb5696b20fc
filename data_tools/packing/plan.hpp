// Plan: everything about a packing run that follows from counting its input: which shards there
// will be and which image goes where. It is made once, stored, and read by all ranks and by runs
// that resume; it is small whatever the number of images.
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "data_tools/layout/layout.hpp"
#include "data_tools/pack_options.hpp"
#include "data_tools/sources/source.hpp"
#include "ijepa/core/permutation.hpp"

namespace ijepa::tools {

/// Of files of one name in an input (tar -r, a tar beside a folder) the last one counts, as when
/// unpacking. The first reading: 8 bytes a file, on the rank that counts.
class NameCounter {
 public:
  void add(const std::string& path);
  /// Hash of each name that comes more than once, and how often.
  std::unordered_map<std::uint64_t, std::int64_t> repeated();

 private:
  std::vector<std::uint64_t> hashes_;
};

/// A later reading.
class RepeatedNames {
 public:
  explicit RepeatedNames(std::unordered_map<std::uint64_t, std::int64_t> repeated)
      : left_(std::move(repeated)) {}
  /// Whether another file of this name follows. Called once with each file, in order.
  bool comes_again(const std::string& path);

 private:
  std::unordered_map<std::uint64_t, std::int64_t> left_;
};

/// A hash of all paths and sizes in the order of the input, to notice that it changed.
class ListingHash {
 public:
  void add(const SourceEntry& entry);
  std::uint64_t value() const { return value_; }
  std::int64_t entries() const { return entries_; }

 private:
  std::uint64_t value_ = 0;
  std::int64_t entries_ = 0;
};

struct PlannedShard {
  std::size_t split = 0;
  int shard = 0;  // within its split
  std::int64_t candidates = 0;
};

class Plan {
 public:
  /// Reads the whole input once, names and sizes only. `seen` is called with each entry.
  static Plan count(const PackOptions& options,
                    const std::function<void(const SourceEntry&)>& seen);
  static Plan from_json(const nlohmann::json& json);
  nlohmann::json to_json() const;

  /// The input and the options that shape the result, to compare two runs.
  static nlohmann::json identity_of(const PackOptions& options);

  const nlohmann::json& identity() const { return identity_; }
  const Layout& layout() const { return layout_; }
  /// The layout in one line (layout_text()), of a plan that was just counted.
  const std::string& description() const { return description_; }
  /// Names that come more than once (NameCounter).
  const std::unordered_map<std::uint64_t, std::int64_t>& repeated() const { return repeated_; }
  std::int64_t entries() const { return entries_; }
  std::uint64_t listing_hash() const { return listing_hash_; }
  /// The shards of all splits; their index here is what `Slot::shard` means.
  const std::vector<PlannedShard>& shards() const { return shards_; }
  int num_shards(std::size_t split) const { return num_shards_[split]; }
  /// Equal in all shards of a split, different in another set.
  std::uint64_t set_id(std::size_t split) const;

  /// Where the `ordinal`-th candidate that Layout::place() puts into a split goes: a random
  /// permutation of them, cut into shards of equal count, the last ones perhaps those of a split
  /// put aside. A pure function: no table, any rank.
  struct Slot {
    std::size_t shard = 0;       // index into shards()
    std::uint64_t position = 0;  // images of a shard are in order of it
  };
  Slot slot(std::size_t split, std::uint64_t ordinal) const;

 private:
  Plan() = default;
  void put_aside(double share);
  void plan_shards();
  /// Images put aside of a split, as the split after it.
  std::uint64_t held_out(std::size_t split) const;

  nlohmann::json identity_;
  Layout layout_;
  std::string description_;
  std::unordered_map<std::uint64_t, std::int64_t> repeated_;
  std::int64_t entries_ = 0;
  std::uint64_t listing_hash_ = 0;
  std::vector<int> num_shards_;  // by split
  std::vector<PlannedShard> shards_;
  std::vector<std::size_t> first_shard_;   // by split, into shards_
  std::vector<Permutation> permutations_;  // by split
};

}  // namespace ijepa::tools
