// JSON from outside: within limits that keep its readers, which follow nested values by recursion,
// from a stack without end, and its tree of values from memory out of proportion to the text.
#pragma once
#include <concepts>
#include <cstdint>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ijepa {

constexpr int most_json_levels = 64;
constexpr std::size_t most_json_values = 4'000'000;  // of some 100 bytes each

/// An Error "PROBLEM: why." for broken syntax, deeper nesting, or more values. Numbers of 2^63 and
/// more that are not written as whole ones become null.
nlohmann::json parse_json(std::string_view text, const std::string& problem);

/// What an exception says in words for a person: those of the library without its brackets, and of
/// broken syntax where it is.
std::string json_reason(const std::exception& error);

/// As the library's own exceptions, which readers turn into a sentence that names the file.
class NoWholeNumber : public nlohmann::json::exception {
 public:
  explicit NoWholeNumber(const std::string& what) : exception(0, what.c_str()) {}
};

/// A value where a whole number is wanted, for any type that holds it; else NoWholeNumber. The
/// library would make one of any number, which for -0.5 or 1e12 may be undefined behaviour.
class WholeNumber {
 public:
  explicit WholeNumber(const nlohmann::json& value) : value_(value) {}

  template <std::integral T>
  operator T() const {
    if (value_.is_number_unsigned() && std::in_range<T>(value_.get<std::uint64_t>()))
      return static_cast<T>(value_.get<std::uint64_t>());
    if (!value_.is_number_integer() || value_.is_number_unsigned() ||
        !std::in_range<T>(value_.get<std::int64_t>()))
      refuse();
    return static_cast<T>(value_.get<std::int64_t>());
  }

 private:
  [[noreturn]] void refuse() const;

  const nlohmann::json& value_;
};

/// Of a list; NoWholeNumber for anything else.
std::vector<std::int64_t> whole_numbers(const nlohmann::json& list);

}  // namespace ijepa
