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

}  // namespace ijepa
