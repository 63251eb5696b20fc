#include "ijepa/tasks/feature_cache.hpp"

#include <xxhash.h>

#include <filesystem>

#include "ijepa/core/error.hpp"
#include "ijepa/core/folder.hpp"

namespace ijepa {

std::string FeatureCache::path_of(const FeatureIdentity& identity, const FeaturePart& part) const {
  const std::string text = identity.encoder + "\n" + identity.images;
  return fmt::format("{}/{:016x}/{}", folder_, XXH3_64bits(text.data(), text.size()),
                     part_name(part.number));
}

std::optional<Matrix<float>> FeatureCache::read(const FeatureIdentity& identity,
                                                const FeaturePart& part, std::int64_t width) const {
  const auto path = path_of(identity, part);
  if (!keeps(identity) || !std::filesystem::exists(path)) return {};
  try {
    check(images_in_part(path, identity).has_value(), "{} is damaged.", path);
    auto rows = read_feature_part(path);
    check(rows.first == part.first && rows.pooled.rows == part.count && rows.pooled.cols == width,
          "{} holds {} features of {} images from {}, not {} of {} from {}.", path,
          rows.pooled.cols, rows.pooled.rows, rows.first, width, part.count, part.first);
    return std::move(rows.pooled);
  } catch (const Error& e) {
    log_.warn("{} These features are made again.", e.what());
    return {};
  }
}

void FeatureCache::write(const FeatureIdentity& identity, const FeaturePart& part,
                         const FeatureRows& rows) {
  if (!keeps(identity)) return;
  const std::filesystem::path path = path_of(identity, part);
  try {
    make_folder(path.parent_path().string());
    write_feature_part(path, identity, rows);
  } catch (const Error& e) {
    log_.warn("Features are not kept for the next time: {}", e.what());
    folder_.clear();
  }
}

}  // namespace ijepa
