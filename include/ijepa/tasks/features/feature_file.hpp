// Feature files: the features of many images in a folder of HDF5 parts, each complete when it
// appears, and a manifest written last.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// The rows of one part, or of a whole set.
struct FeatureRows {
  std::int64_t first = 0;            // index of the first image
  std::vector<std::string> keys;     // (n)
  std::vector<std::int32_t> labels;  // (n), -1: none
  Matrix<float> pooled;              // (n, D), or empty
  Matrix<float> tokens;              // (n N, D), or empty
};

/// What the features are of. Two files belong together when these are equal.
struct FeatureIdentity {
  std::string encoder;  // FrozenEncoder::identity()
  std::string images;   // fingerprint of the images, and what is kept of them
  bool operator==(const FeatureIdentity&) const = default;
};

/// What features.json says.
struct FeatureManifest {
  FeatureIdentity identity;
  std::string checkpoint, input;  // where they came from
  std::int64_t images = 0, width = 0,
               tokens = 0;  // tokens: an image's, 0 where only means are kept
  bool pooled = true;
  std::int64_t bad_images = 0;  // left out since they cannot be read
  std::vector<std::string> class_names;
  std::vector<std::string> parts;  // file names, in order
};

void write_feature_part(const std::string& path, const FeatureIdentity& identity,
                        const FeatureRows& rows);
/// Nothing when there is no such file, it is of another version, or it is damaged so far that it
/// does not say what it holds; an Error when it is of other features.
std::optional<std::int64_t> images_in_part(const std::string& path,
                                           const FeatureIdentity& identity);
/// What the parts in a folder say of their encoder; empty where there are none that can be read.
std::string encoder_of_parts(const std::string& folder);
/// An Error when it is damaged (its rows have a checksum) or they are 16 times the file's bytes.
FeatureRows read_feature_part(const std::string& path);

std::string part_name(std::int64_t part);
void write_feature_manifest(const std::string& folder, const FeatureManifest& manifest);
FeatureManifest read_feature_manifest(const std::string& folder);
/// All pooled features of a finished folder; an Error names a part that is missing, damaged or of
/// other features.
FeatureRows read_pooled_features(const std::string& folder, const FeatureManifest& manifest);

}  // namespace ijepa
