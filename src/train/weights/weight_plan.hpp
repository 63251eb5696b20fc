// WeightPlan: which tensors of a weight file make up which of the model's, all of them accounted
// for. Imports and programs that read such a file itself follow it.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/weights/import.hpp"
#include "naming.hpp"

namespace ijepa {

/// A tensor under its checkpoint names and the row blocks of the file that it is made of; none: it
/// starts as in an untrained network.
struct PlannedTensor {
  StoredTensor stored;
  std::vector<const FileTensor*> blocks;
  std::size_t info = 0;  // index in the layout
};

class WeightPlan {
 public:
  /// `file` and `recipe` outlive it. An Error when a tensor has another shape than the model needs,
  /// or when the file does not say which encoder it holds and the options do not, either.
  WeightPlan(const WeightFile& file, const PretrainRecipe& recipe, const ImportOptions& options);

  const std::vector<PlannedTensor>& tensors() const { return tensors_; }
  const std::vector<std::string>& groups() const { return groups_; }
  const LoadReport& report() const { return report_; }

  /// An Error when tensors are missing or unused and the options do not allow it.
  void check_complete(const ImportOptions& options) const;
  /// The values of a planned tensor, float32; `out` has its size. An Error for NaN and infinity.
  void read(WeightFile& file, const PlannedTensor& planned, std::span<float> out) const;

 private:
  const ParamLayout& layout() const { return model_.layout(); }
  const FileTensor* use(const std::string& name);
  std::string unsaid_group(const ImportOptions& options) const;
  void add(const std::string& group, const std::vector<std::string>& names, std::size_t index);
  void add_group(const std::string& group, const Naming& naming);
  void add_moments();
  void initialise(const PlannedTensor& planned, std::span<float> out) const;

  const WeightFile& file_;
  IJepa model_;
  std::vector<PlannedTensor> tensors_;
  std::vector<std::string> groups_;
  std::set<std::string> used_;
  LoadReport report_;
};

}  // namespace ijepa
