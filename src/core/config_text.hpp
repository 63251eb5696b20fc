// How settings are written: TOML spellings of values, and their types in words. Private to core.
#pragma once
#include <string>
#include <string_view>

#include "ijepa/core/config.hpp"

namespace ijepa {

/// A TOML basic string, escapes included.
std::string quote(std::string_view text);

/// A TOML float: the shortest digits that read back to the same value.
std::string number(double value);

/// The value in a slot as TOML.
std::string value_text(const Slot& slot);

/// "a whole number", "true or false", ...
std::string type_name(const Slot& slot);

/// A limit on dotted keys, which toml++ before 3.4 lacks: each part is a table in a table, and a
/// key of a million parts ends the process when they are taken down, one inside the other.
constexpr int most_key_parts = 8;

/// An Error that names `file` and line where a key of the TOML text, or what could be one, has more
/// parts.
void check_key_parts(std::string_view text, const std::string& file);

}  // namespace ijepa
