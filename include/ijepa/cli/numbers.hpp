// Numbers of the command line, within ranges as those of settings. CLI11's own checks let nan pass
// and print bounds such as 1.8e308 with all their digits.
#pragma once
#include <CLI/CLI.hpp>
#include <concepts>
#include <string>

#include "ijepa/core/config.hpp"

namespace ijepa {

/// What is counted, from `least` on: 10^15 is more than anyone has, and far from an overflow.
constexpr Range count_from(double least) {
  return between(least, 1e15);
}

/// Words that are no number in `range` end in "--k: 0 is not allowed; it must be a whole number, 1
/// to 64." `--help` shows the range as INT:1 to 64.
CLI::Validator number_in(const Range& range, bool whole = false);

/// An option with numbers of `range`: one, or several where `value` is a vector.
template <class Value>
CLI::Option* add_number(CLI::App& app, const std::string& names, Value& value, const Range& range,
                        const std::string& help) {
  constexpr bool whole = [] {
    if constexpr (requires { typename Value::value_type; }) {
      return std::integral<typename Value::value_type>;
    } else {
      return std::integral<Value>;
    }
  }();
  return app.add_option(names, value, help)->check(number_in(range, whole));
}

}  // namespace ijepa
