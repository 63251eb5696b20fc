#include "program_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace ijepa {
namespace {

/// The words in braces of "TEXT:{cpu,cuda}", as CLI::IsMember describes itself.
std::vector<std::string> choices_of(const std::string& type) {
  std::vector<std::string> choices;
  const auto open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return choices;
  for (auto begin = open + 1; begin < close;) {
    const auto end = std::min(type.find(',', begin), close);
    choices.push_back(type.substr(begin, end - begin));
    begin = end + 1;
  }
  return choices;
}

bool is_of_numbers(const std::string& value) {
  constexpr std::array numbers{"INT", "UINT", "FLOAT"};
  return std::ranges::find(numbers, value) != numbers.end();
}

/// "1 to 100" of "INT:1 to 100", as number_in() describes itself.
std::string bounds_of(const OptionText& option, const std::string& type) {
  const auto colon = type.find(':');
  return is_of_numbers(option.value) && colon != std::string::npos ? type.substr(colon + 1) : "";
}

Takes takes_of(const OptionText& option) {
  if (option.value.empty()) return Takes::nothing;
  if (!option.choices.empty()) return Takes::choice;
  if (option.names.back() == "--set") return Takes::setting;
  if (option.value == "FOLDER") return Takes::folder;
  return is_of_numbers(option.value) ? Takes::number : Takes::path;
}

OptionText option_text(const CLI::Option& option) {
  OptionText text;
  for (const auto& name : option.get_snames()) text.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) text.names.push_back("--" + name);
  text.positional = text.names.empty();
  if (text.positional) text.names = {option.get_name(true, false)};
  const std::string type =
      option.get_items_expected_max() == 0 ? std::string() : option.get_type_name();
  text.value = type.substr(0, type.find_first_of(": "));
  text.choices = choices_of(type);
  text.bounds = bounds_of(text, type);
  text.standard = text.value.empty() ? std::string() : option.get_default_str();
  text.help = option.get_description();
  text.required = option.get_required();
  text.several = option.get_items_expected_max() > 1;
  text.takes = takes_of(text);
  return text;
}

}  // namespace

CommandText command_text(const CLI::App& app) {
  CommandText text{
      app.get_name(), app.get_description(), {}, {}, app.get_require_subcommand_min() > 0};
  for (const auto* option : app.get_options()) text.options.push_back(option_text(*option));
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    text.commands.push_back(command_text(*command));
  return text;
}

bool has_positionals(const CommandText& command) {
  return std::ranges::any_of(command.options, &OptionText::positional);
}

std::string option_heading(const OptionText& option) {
  const std::string names = fmt::format("{}", fmt::join(option.names, ", "));
  if (option.positional || option.value.empty()) return names + (option.several ? " ..." : "");
  return fmt::format("{} {}{}", names, option.value, option.several ? " ..." : "");
}

std::string option_remarks(const OptionText& option) {
  std::vector<std::string> remarks;
  if (!option.choices.empty())
    remarks.push_back(fmt::format("one of {}", fmt::join(option.choices, ", ")));
  if (!option.bounds.empty()) remarks.push_back(option.bounds);
  if (!option.standard.empty()) remarks.push_back("default: " + option.standard);
  if (option.required) remarks.emplace_back("required");
  return remarks.empty() ? "" : fmt::format("({})", fmt::join(remarks, "; "));
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string shell_function(const std::string& program) {
  std::string name = "_" + program;
  std::ranges::replace(name, '-', '_');
  return name;
}

}  // namespace ijepa
