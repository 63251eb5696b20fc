// OutFolder: the names of the files of a packing run, finished and unfinished.
#pragma once
#include <cstddef>
#include <string>

#include "data_tools/plan.hpp"

namespace ijepa::tools {

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

 private:
  std::string out_;
};

}  // namespace ijepa::tools
