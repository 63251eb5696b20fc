#include "ijepa/cli/numbers.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace ijepa {
namespace {

/// CLI11 takes 010 for 8, and more than 64 bits for their largest number.
bool is_whole(std::string_view given, double& number) {
  const bool below_zero = given.starts_with('-');
  if (below_zero) given.remove_prefix(1);
  const bool hexadecimal = given.starts_with("0x");
  if (hexadecimal) given.remove_prefix(2);
  if (!hexadecimal && given.size() > 1 && given.starts_with('0')) return false;
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(given.data(), given.data() + given.size(), value, hexadecimal ? 16 : 10);
  number = below_zero ? -static_cast<double>(value) : static_cast<double>(value);
  return error == std::errc{} && end == given.data() + given.size();
}

bool is_number(const std::string& given, double& number, bool whole) {
  if (whole) return is_whole(given, number);
  return CLI::detail::lexical_cast(given, number) && std::isfinite(number);
}

}  // namespace

CLI::Validator number_in(const Range& range, bool whole) {
  const std::string bounds = range.text();
  return {[=](const std::string& given) {
            double number = 0;
            if (is_number(given, number, whole) && range.contains(number)) return std::string();
            return fmt::format("{} is not allowed; it must be a {}number, {}.", given,
                               whole ? "whole " : "", bounds);
          },
          bounds};
}

}  // namespace ijepa
