#include "ijepa/core/json_text.hpp"

#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {

nlohmann::json parse_json(std::string_view text, const std::string& problem) {
  std::size_t values = 0;
  const auto within_limits = [&](int depth, nlohmann::json::parse_event_t event,
                                 nlohmann::json& value) {
    check(depth < most_json_levels, "{}: it nests more than {} levels.", problem, most_json_levels);
    check(++values <= most_json_values, "{}: it has more than {} values.", problem,
          most_json_values);
    // Where a reader wants a whole number, what becomes of such a one is not defined.
    constexpr double beyond = 0x1p63;
    if (event == nlohmann::json::parse_event_t::value && value.is_number_float() &&
        !(std::abs(value.get<double>()) < beyond))
      value = nullptr;
    return true;
  };
  try {
    return nlohmann::json::parse(text, within_limits);
  } catch (const nlohmann::json::exception& e) {
    const auto* syntax = dynamic_cast<const nlohmann::json::parse_error*>(&e);
    const bool cut = syntax != nullptr && syntax->byte > text.size();
    fail("{}: {}.", problem, cut ? "it ends too early" : json_reason(e));
  }
}

std::string json_reason(const std::exception& error) {
  const std::string text = error.what();
  if (const auto* syntax = dynamic_cast<const nlohmann::json::parse_error*>(&error))
    return text.find("unexpected end of input") != std::string::npos
               ? "it ends too early"
               : fmt::format("from byte {} on it is no JSON", syntax->byte);
  const auto end = text.starts_with("[json.exception.") ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

void WholeNumber::refuse() const {
  throw NoWholeNumber(
      fmt::format("{} stands where a whole number must be",
                  value_.is_number() ? value_.dump() : std::string("a ") + value_.type_name()));
}

std::vector<std::int64_t> whole_numbers(const nlohmann::json& list) {
  if (!list.is_array())
    throw NoWholeNumber(
        fmt::format("a {} stands where a list of whole numbers must be", list.type_name()));
  std::vector<std::int64_t> numbers;
  for (const auto& value : list) numbers.push_back(WholeNumber(value));
  return numbers;
}

}  // namespace ijepa
