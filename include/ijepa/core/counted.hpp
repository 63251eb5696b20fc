// Counted: a number with what it counts, for people.
#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace ijepa {

/// "1 shard", "2 shards": `one` with an "s" unless there is one of them.
inline std::string counted(std::int64_t number, const char* one) {
  return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
}

}  // namespace ijepa
