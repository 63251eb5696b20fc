// RepeatedNames: files of one name in an input (tar -r, a tar beside a folder): as when unpacking,
// the last one counts.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace ijepa::tools {

/// The first reading: 8 bytes a file, on the rank that counts.
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

}  // namespace ijepa::tools
