// Settings in words: one line a field, for pages and for shells that complete its key.
#pragma once
#include <string>
#include <vector>

#include "ijepa/core/config.hpp"

namespace ijepa {

struct FieldText {
  std::string path, value;           // "section.key" and its value as TOML
  std::string type, allowed;         // "a number", "0 to 1"
  std::vector<std::string> choices;  // all values it may have, where they are few
  std::string help;
};
std::vector<FieldText> field_texts(const Fields& fields);

}  // namespace ijepa
