// Completion in fish.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "program_text.hpp"

namespace ijepa {
namespace {

/// 'text' as fish reads it back: there a backslash escapes inside quotes, too.
std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

/// KEY= of every setting, and KEY=VALUE of those with few values.
std::string settings_list(const ProgramWords& words) {
  std::string list;
  for (const auto& field : words.settings) {
    list += fmt::format("{}=\t{}\n", field.path, field.help);
    for (const auto& value : field.choices) list += fmt::format("{}={}\n", field.path, value);
  }
  return list;
}

std::string what_follows(const OptionText& option, const ProgramWords& words) {
  switch (option.takes) {
    case Takes::nothing:
      return "";
    case Takes::choice:
      return " -x -a " + fish_quoted(fmt::format("{}", fmt::join(option.choices, " ")));
    case Takes::setting:
      return " -x -a " + fish_quoted(fmt::format("({}_settings)", shell_function(words.name)));
    case Takes::folder:
      return " -x -a '(__fish_complete_directories)'";
    case Takes::number:
      return " -x";
    default:
      return " -r -F";
  }
}

std::string options(const CommandText& command, const ProgramWords& words,
                    const std::string& only) {
  std::string text;
  for (const auto& option : command.options) {
    if (option.positional) continue;
    text += fmt::format("complete -c {}{}", words.name, only);
    for (const auto& name : option.names)
      text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    text += fmt::format("{} -d {}\n", what_follows(option, words), fish_quoted(option.help));
  }
  return text;
}

}  // namespace

std::string fish_completion(const CommandText& program, const ProgramWords& words) {
  std::string text =
      fmt::format("# Completion of {0} in fish, written by {0} --print fish.\n", program.name);
  if (!words.settings.empty())
    text += fmt::format("function {}_settings\n  printf '%s\\n' {}\nend\n",
                        shell_function(program.name), fish_quoted(settings_list(words)));
  text += options(program, words, program.commands.empty() ? "" : " -n __fish_use_subcommand");
  // Files beside subcommands, where words may be either.
  const char* no_files = has_positionals(program) ? "" : " -f";
  for (const auto& command : program.commands) {
    text += fmt::format("complete -c {} -n __fish_use_subcommand{} -a {} -d {}\n", program.name,
                        no_files, command.name, fish_quoted(command.help));
    text +=
        options(command, words, fmt::format(" -n '__fish_seen_subcommand_from {}'", command.name));
  }
  return text;
}

}  // namespace ijepa
