// A limit on dotted keys, which toml++ before 3.4 lacks: each part is a table in a table, and a key
// of a million parts ends the process when they are taken down, one inside the other.
#pragma once
#include <string>
#include <string_view>

namespace ijepa {

constexpr int most_key_parts = 8;

/// An Error that names `file` and line where a key of the TOML text, or what could be one, has more
/// parts.
void check_key_parts(std::string_view text, const std::string& file);

}  // namespace ijepa
