// StoredWeights: a checkpoint folder as the source of exports: its configuration, layout and
// tensors as writers of other formats ask for them.
#pragma once
#include <string>
#include <vector>

#include "element.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "naming.hpp"

namespace ijepa {

class StoredWeights {
 public:
  /// An Error when a byte of the folder is not as it was written.
  explicit StoredWeights(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const CheckpointManifest& manifest() const { return manifest_; }
  const PretrainRecipe& recipe() const { return recipe_; }
  const ParamLayout& layout() const { return model_.layout(); }
  bool holds(const std::string& group) const;
  /// Its group of the "target" or "context" encoder. An Error when it holds no such one.
  std::string encoder_group(const std::string& encoder) const;
  /// What the shapes do not tell of the model: WeightFile::description() of what is exported.
  std::string description() const;

  /// A tensor of a group under the names of `naming`: as many as it has row blocks. The objects
  /// refer to this one.
  std::vector<OutTensor> tensor(const std::string& group, const std::string& name,
                                const std::vector<std::string>& names) const;
  /// The position table of "encoder" or "predictor", float32 (1, N, width).
  OutTensor positions(const std::string& kind, const std::string& name) const;
  /// A whole encoder with its position table, in the authors' order.
  std::vector<OutTensor> group(const std::string& group, const Naming& naming) const;

 private:
  const StoredTensor& find(const std::string& group, const std::string& name) const;

  std::string folder_;
  CheckpointManifest manifest_;
  PretrainRecipe recipe_;
  PositionTables positions_;
  IJepa model_;
};

}  // namespace ijepa
