#include "ijepa/core/json_text.hpp"

#include <gtest/gtest.h>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

std::string parse_problem(const std::string& text) {
  try {
    parse_json(text, "a.json is damaged");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string nested(int levels) {
  const auto n = static_cast<std::size_t>(levels);
  return std::string(n, '[') + std::string(n, ']');
}

TEST(JsonText, IsReadAsTheLibraryReadsIt) {
  const std::string text = R"({"a": [1, -2.5, null, true, "x"], "b": {"c": {}}})";
  EXPECT_EQ(parse_json(text, ""), nlohmann::json::parse(text));
}

// Found by fuzzing a lock: as a time in milliseconds that is undefined behaviour.
TEST(JsonText, NumbersThatNoWholeNumberCanHoldAreNone) {
  const auto read =
      parse_json(R"([1e18, 9.3e18, -1e300, 123456789012345678901234567890, 5e-324])", "");
  EXPECT_EQ(read, nlohmann::json::parse("[1e18, null, null, null, 5e-324]"));
}

template <class T>
std::string refusal_of(const std::string& number) {
  try {
    const auto json = parse_json(number, "");
    const T value = WholeNumber(json);
    return std::to_string(value);
  } catch (const nlohmann::json::exception& error) {
    return error.what();
  }
}

TEST(JsonText, WholeNumbersAreWhole) {
  EXPECT_EQ(refusal_of<int>("-7"), "-7");
  EXPECT_EQ(refusal_of<std::int64_t>("-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(refusal_of<std::uint64_t>("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(refusal_of<int>("3000000000"), "3000000000 stands where a whole number must be");
  EXPECT_EQ(refusal_of<std::int64_t>("9223372036854775808"),
            "9223372036854775808 stands where a whole number must be");
  EXPECT_EQ(refusal_of<std::uint64_t>("-1"), "-1 stands where a whole number must be");
  EXPECT_EQ(refusal_of<int>("1.5"), "1.5 stands where a whole number must be");
  EXPECT_EQ(refusal_of<int>("1e300"), "a null stands where a whole number must be");
  EXPECT_EQ(refusal_of<int>("\"7\""), "a string stands where a whole number must be");
  EXPECT_EQ(whole_numbers(parse_json("[1, 2]", "")), (std::vector<std::int64_t>{1, 2}));
  EXPECT_THROW(whole_numbers(parse_json("3", "")), NoWholeNumber);
}

TEST(JsonText, BrokenSyntaxIsOneSentence) {
  EXPECT_EQ(parse_problem("{\"a\":"), "a.json is damaged: it ends too early.");
  EXPECT_EQ(parse_problem("{\"a"), "a.json is damaged: it ends too early.");
  EXPECT_EQ(parse_problem(""), "a.json is damaged: it ends too early.");
  EXPECT_EQ(parse_problem("[1e999]"), "a.json is damaged: number overflow parsing '1e999'.");
  EXPECT_EQ(parse_problem("{\"a\" 3}"), "a.json is damaged: from byte 6 on it is no JSON.");
}

TEST(JsonText, WhatTheLibrarySaysIsSaidInItsWords) {
  const auto reason = [](const auto& ask) {
    try {
      ask(nlohmann::json::parse(R"({"a": 1})"));
    } catch (const std::exception& error) {
      return json_reason(error);
    }
    return std::string();
  };
  EXPECT_EQ(reason([](const auto& json) { json.at("b"); }), "key 'b' not found");
  EXPECT_EQ(reason([](const auto& json) { json.at("a").template get<std::string>(); }),
            "type must be string, but is number");
  EXPECT_EQ(reason([](const auto&) { fail("It is ours [so]."); }), "It is ours [so].");
}

TEST(JsonText, DeepNestingAndTooManyValuesAreRefused) {
  EXPECT_EQ(parse_problem(nested(most_json_levels)), "");
  EXPECT_EQ(parse_problem(nested(most_json_levels + 1)),
            "a.json is damaged: it nests more than 64 levels.");
  EXPECT_EQ(parse_problem(nested(1'000'000)), "a.json is damaged: it nests more than 64 levels.");
  std::string many = "[0";
  for (std::size_t i = 0; i < most_json_values; ++i) many += ",0";
  EXPECT_EQ(parse_problem(many + "]"), "a.json is damaged: it has more than 4000000 values.");
}

}  // namespace
}  // namespace ijepa
