// The checksum that a checkpoint's manifest has of itself, put right.
#pragma once
#include <xxhash.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "ijepa/core/error.hpp"

namespace ijepa::fuzz {

/// The text itself where it is no JSON object.
inline std::string with_checksum(std::string_view text) {
  auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::string(text);
  json.erase("checksum");
  try {
    const std::string compact = json.dump();
    json["checksum"] = fmt::format("{:016x}", XXH3_64bits(compact.data(), compact.size()));
    return json.dump();
  } catch (const nlohmann::json::exception&) {
    return std::string(text);
  }
}

}  // namespace ijepa::fuzz
