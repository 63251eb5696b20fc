#include <filesystem>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/features/feature_file.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* features_format = "ijepa-features";
constexpr int format_version = 1;

std::string path_of(const std::string& folder) {
  return folder + "/features.json";
}

FeatureManifest parse(const nlohmann::json& j) {
  check(j.at("format") == features_format && j.at("version") == format_version,
        "it is of another format or version");
  FeatureManifest m;
  m.identity = {j.at("encoder_identity"), j.at("image_identity")};
  m.checkpoint = j.at("checkpoint");
  m.input = j.at("input");
  m.images = WholeNumber(j.at("images"));
  m.width = WholeNumber(j.at("width"));
  m.tokens = WholeNumber(j.at("tokens"));
  m.pooled = j.at("pooled");
  if (j.contains("bad_images")) m.bad_images = WholeNumber(j.at("bad_images"));
  m.class_names = j.at("class_names");
  m.parts = j.at("parts");
  for (const std::string& part : m.parts)
    check(!part.empty() && part[0] != '.' && part.find('/') == std::string::npos,
          "\"{}\" is no part's name", part);
  return m;
}

}  // namespace

std::string part_name(std::int64_t part) {
  return fmt::format("part_{:05}.h5", part);
}

void write_feature_manifest(const std::string& folder, const FeatureManifest& m) {
  Json j{{"format", features_format},
         {"version", format_version},
         {"encoder_identity", m.identity.encoder},
         {"image_identity", m.identity.images},
         {"checkpoint", utf8_name(m.checkpoint)},
         {"input", utf8_name(m.input)},
         {"images", m.images},
         {"width", m.width},
         {"tokens", m.tokens},
         {"pooled", m.pooled},
         {"class_names", m.class_names},
         {"parts", m.parts}};
  if (m.bad_images > 0) j["bad_images"] = m.bad_images;
  write_file_atomically(path_of(folder), j.dump(1) + "\n");
}

FeatureManifest read_feature_manifest(const std::string& folder) {
  const std::string path = path_of(folder);
  check(std::filesystem::is_regular_file(path),
        "{} holds no finished features: {} is missing; ijepa-infer makes them.", folder, path);
  const auto json = parse_json(read_text_file(path), path + " is damaged");
  try {
    return parse(json);
  } catch (const std::exception& e) {
    fail("{} is damaged: {}.", path, json_reason(e));
  }
}

FeatureRows read_pooled_features(const std::string& folder, const FeatureManifest& manifest) {
  check(manifest.pooled, "{} holds tokens alone; search needs pooled features.", folder);
  FeatureRows all;
  for (const auto& name : manifest.parts) {
    const std::string path = folder + "/" + name;
    check(images_in_part(path, manifest.identity).has_value(), "{} is missing or damaged.", path);
    const auto part = read_feature_part(path);
    check(part.first == std::ssize(all.keys) && part.pooled.cols == manifest.width &&
              part.pooled.rows == std::ssize(part.keys),
          "{} does not follow the part before it.", path);
    all.keys.insert(all.keys.end(), part.keys.begin(), part.keys.end());
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    all.pooled.values.insert(all.pooled.values.end(), part.pooled.values.begin(),
                             part.pooled.values.end());
  }
  check(std::ssize(all.keys) == manifest.images, "{} holds {} of {} images.", folder,
        all.keys.size(), manifest.images);
  all.pooled.rows = manifest.images;
  all.pooled.cols = manifest.width;
  return all;
}

}  // namespace ijepa
