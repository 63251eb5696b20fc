// Feature tables as text, for programs that read no HDF5.
#pragma once
#include <string>

#include "ijepa/tasks/feature_file.hpp"

namespace ijepa {

/// A field of a CSV file: in quotes where a comma, a quote or a line break would be misread.
std::string csv_field(const std::string& text);

/// More are no good as a text table.
constexpr std::int64_t most_csv_images = 100'000;

/// FOLDER/features.csv: key, label, class, then one column a feature.
void write_feature_csv(const std::string& folder, const FeatureManifest& manifest);

}  // namespace ijepa
