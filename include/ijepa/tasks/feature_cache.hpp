// Feature cache: features that were computed once, as feature parts in a folder named by what they
// are of. What is there is used only if it says what was asked for and has its checksum.
#pragma once
#include <optional>
#include <string>

#include "ijepa/core/log.hpp"
#include "ijepa/tasks/feature_file.hpp"

namespace ijepa {

/// Images [first, first + count) of a list.
struct FeaturePart {
  std::int64_t number = 0, first = 0, count = 0;
};

class FeatureCache {
 public:
  /// `folder` is made with the first part; empty: nothing is kept.
  FeatureCache(std::string folder, const Log& log) : folder_(std::move(folder)), log_(log) {}

  /// Whether anything of this is kept.
  bool keeps(const FeatureIdentity& identity) const {
    return !folder_.empty() && !identity.encoder.empty();
  }
  /// The part's pooled features of this width; nothing when they are not there. Damaged or foreign
  /// ones are named in a warning and are not used.
  std::optional<Matrix<float>> read(const FeatureIdentity& identity, const FeaturePart& part,
                                    std::int64_t width) const;
  /// A folder that cannot be written is named in one warning; the features are not lost with it.
  void write(const FeatureIdentity& identity, const FeaturePart& part, const FeatureRows& rows);

 private:
  std::string path_of(const FeatureIdentity& identity, const FeaturePart& part) const;

  std::string folder_;
  Log log_;
};

}  // namespace ijepa
