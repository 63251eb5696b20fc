// JSON from outside: within limits that keep its readers, which follow nested values by recursion,
// from a stack without end, and its tree of values from memory out of proportion to the text.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace ijepa {

constexpr int most_json_levels = 64;
constexpr std::size_t most_json_values = 4'000'000;  // of some 100 bytes each

/// An Error "PROBLEM: why." for broken syntax, deeper nesting, or more values. Numbers of 2^63 and
/// more that are not written as whole ones become null.
nlohmann::json parse_json(std::string_view text, const std::string& problem);

}  // namespace ijepa
