#include "feature_csv.hpp"

#include <fmt/format.h>

#include <iterator>

#include "ijepa/core/file.hpp"

namespace ijepa {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void write_feature_csv(const std::string& folder, const FeatureManifest& manifest) {
  const auto rows = read_pooled_features(folder, manifest);
  std::string text = "key,label,class";
  const auto out = std::back_inserter(text);
  for (std::int64_t d = 0; d < manifest.width; ++d) fmt::format_to(out, ",f{}", d);
  text += '\n';
  for (std::int64_t i = 0; i < manifest.images; ++i) {
    const auto label = rows.labels[static_cast<std::size_t>(i)];
    fmt::format_to(
        out, "{},{},{}", csv_field(rows.keys[static_cast<std::size_t>(i)]), label,
        label < 0 ? "" : csv_field(manifest.class_names.at(static_cast<std::size_t>(label))));
    for (const float v : rows.pooled.row(i)) fmt::format_to(out, ",{}", v);
    text += '\n';
  }
  write_file_atomically(folder + "/features.csv", text);
}

}  // namespace ijepa
