// Feature tables as text, for programs that read no HDF5.
#pragma once
#include <string>

#include "ijepa/tasks/feature_file.hpp"

namespace ijepa {

/// FOLDER/features.csv: key, label, class, then one column a feature. An Error for more images than
/// a text table is good for.
void write_feature_csv(const std::string& folder, const FeatureManifest& manifest);

}  // namespace ijepa
