// Completion in zsh, by its _arguments.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "program_text.hpp"

namespace ijepa {
namespace {

/// Text inside a specification of _arguments or _describe, where these characters have a meaning.
std::string spec_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string action(const OptionText& option, const std::string& function) {
  switch (option.takes) {
    case Takes::choice:
      return fmt::format("({})", fmt::join(option.choices, " "));
    case Takes::setting:
      return function + "_settings";
    case Takes::folder:
      return "_files -/";
    case Takes::path:
      return "_files";
    default:
      return " ";
  }
}

std::string specification(const OptionText& option, const std::string& function) {
  const std::string does = spec_text(option.value) + ":" + action(option, function);
  if (option.positional)
    return fmt::format("{}:{}:{}", option.several ? "*" : "", spec_text(option.names.front()),
                       action(option, function));
  std::string rest = fmt::format("[{}]", spec_text(option.help));
  if (option.takes == Takes::nothing) return rest;
  // Several are the words up to the next option; one may also stand behind a =.
  rest += (option.several ? ":*-*:" : ":") + does;
  return rest;
}

std::string arguments(const CommandText& command, const std::string& function) {
  std::string text;
  for (const auto& option : command.options) {
    if (option.positional && !command.commands.empty()) continue;  // with_commands() has them
    const auto rest = specification(option, function);
    if (option.positional) text += fmt::format(" \\\n    {}", shell_quoted(rest));
    for (const auto& name : option.names)
      if (!option.positional) {
        const bool equals = option.takes != Takes::nothing && !option.several && name.size() > 2;
        text += fmt::format(" \\\n    {}", shell_quoted("*" + name + (equals ? "=" : "") + rest));
      }
  }
  return text;
}

std::string settings_function(const ProgramWords& words, const std::string& function) {
  if (words.settings.empty()) return "";
  std::string keys, values;
  for (const auto& field : words.settings) {
    keys +=
        fmt::format("\n    {}", shell_quoted(spec_text(field.path) + ":" + spec_text(field.help)));
    if (!field.choices.empty())
      values += fmt::format("    {}=*) compset -P '*=' && compadd {} ;;\n", field.path,
                            fmt::join(field.choices, " "));
  }
  return fmt::format(
      "{0}_settings() {{\n  local -a keys=({1}\n  )\n  case $PREFIX in\n{2}    *=*) compset -P "
      "'*=' && _files ;;\n"
      "    *) _describe -t settings setting keys -q -S = ;;\n  esac\n}}\n\n",
      function, keys, values);
}

/// A function for each subcommand and one that chooses among them.
std::string with_commands(const CommandText& program, const std::string& function) {
  std::string text, list, cases;
  for (const auto& command : program.commands) {
    text += fmt::format("{}_{}() {{\n  _arguments -s{}\n}}\n\n", function, command.name,
                        arguments(command, function));
    list += fmt::format("\n    {}", shell_quoted(command.name + ":" + spec_text(command.help)));
    cases += fmt::format("      {0}) {1}_{0} && done=0 ;;\n", command.name, function);
  }
  // Where words may also be files, as with ijepa-plot.
  const bool files = has_positionals(program);
  const std::string or_files = files ? "; _files && done=0" : "";
  if (files) cases += "      *) _files && done=0 ;;\n";
  return text +
         fmt::format(
             "{}() {{\n  local curcontext=$curcontext state line done=1\n  local -a commands=({}\n "
             " )\n"
             "  _arguments -C{} \\\n    '1: :->command' '*:: :->rest' && done=0\n"
             "  case $state in\n    command) _describe -t commands command commands && done=0{} "
             ";;\n"
             "    rest) case $words[1] in\n{}    esac ;;\n  esac\n  return done\n}}\n\n",
             function, list, arguments(program, function), or_files, cases);
}

}  // namespace

std::string zsh_completion(const CommandText& program, const ProgramWords& words) {
  const std::string function = shell_function(program.name);
  std::string text = fmt::format("#compdef {0}\n# Written by {0} --print zsh.\n\n", program.name) +
                     settings_function(words, function);
  if (program.commands.empty())
    text +=
        fmt::format("{}() {{\n  _arguments -s{}\n}}\n\n", function, arguments(program, function));
  else
    text += with_commands(program, function);
  // As a file of fpath, which zsh runs as a function of the file's name, and as one that is
  // sourced.
  return text +
         fmt::format("if [[ $funcstack[1] == _{1} ]]; then {0} \"$@\"; else compdef {0} {1}; fi",
                     function, program.name);
}

}  // namespace ijepa
