// Completion in bash, by nothing but bash itself.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "program_text.hpp"

namespace ijepa {
namespace {

// The words up to the cursor, since bash itself would cut --set a.b=c into three; the subcommand
// among them; and an option with its value in one word.
constexpr const char* beginning =
    R"(  local IFS=$' \t\n' line=${{COMP_LINE:0:COMP_POINT}} words word command= takes= given=
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local current=${{words[-1]}} before=
  ((${{#words[@]}} > 1)) && before=${{words[-2]}}
  for word in "${{words[@]:1:${{#words[@]}}-2}}"; do
    case $word in {}) command=$word; break ;; esac
  done
  if [[ $current == --*=* ]]; then
    before=${{current%%=*}} current=${{current#*=}} given=$before=
  fi
)";

// What was found, as readline wants it: without what stands before a = that breaks words.
constexpr const char* ending = R"(  case $takes in
    nothing) compopt +o default ;;
    folder) compopt -o dirnames +o default ;;
    path) ;;
    *)
      [[ $takes == *' path' ]] || compopt +o default
      COMPREPLY=($(compgen -W "${takes% path}" -- "$current"))
      [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace
      [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/$given}")
      ;;
  esac
)";

std::string what_follows(const OptionText& option) {
  switch (option.takes) {
    case Takes::choice:
      return fmt::format("{}", fmt::join(option.choices, " "));
    case Takes::setting:
      return "settings";
    case Takes::folder:
      return "folder";
    case Takes::path:
      return "path";
    default:
      return "nothing";
  }
}

/// Options without a value are absent: what follows them is as if they were not there.
std::string value_cases(const CommandText& command, const std::string& of) {
  std::map<std::string, std::string> patterns;  // of what follows
  for (const auto& option : command.options) {
    if (option.positional || option.takes == Takes::nothing) continue;
    for (const auto& name : option.names) {
      auto& pattern = patterns[what_follows(option)];
      pattern += fmt::format("{}'{} {}'", pattern.empty() ? "" : " | ", of, name);
    }
  }
  std::string text;
  for (const auto& [follows, pattern] : patterns)
    text += fmt::format("    {}) takes={} ;;\n", pattern, shell_quoted(follows));
  return text;
}

/// Otherwise: options where a word begins with -, subcommands, or files.
std::string other_cases(const CommandText& command, const std::string& of) {
  std::string options, commands;
  for (const auto& option : command.options)
    for (const auto& name : option.names)
      if (!option.positional) options += (options.empty() ? "" : " ") + name;
  for (const auto& sub : command.commands) commands += (commands.empty() ? "" : " ") + sub.name;
  if (!commands.empty() && has_positionals(command)) commands += " path";
  return fmt::format(
      "      '{0}')\n        if [[ $current == -* ]]; then takes={1}; else takes={2}; fi\n"
      "        ;;\n",
      of, shell_quoted(options), shell_quoted(commands.empty() ? "path" : commands));
}

/// Keys first, each with a =; after it the values of those that have few.
std::string setting_cases(const ProgramWords& words) {
  if (words.settings.empty()) return "";
  std::string keys, values;
  for (const auto& field : words.settings) {
    keys += (keys.empty() ? "" : " ") + field.path + "=";
    if (!field.choices.empty())
      values += fmt::format("      {}=*) takes={} ;;\n", field.path,
                            shell_quoted(fmt::format("{}", fmt::join(field.choices, " "))));
  }
  return fmt::format(
      "  if [[ $takes == settings ]]; then\n    case $current in\n{}      *=*) takes=path ;;\n"
      "      *) takes={} ;;\n    esac\n"
      "    [[ $current == *=* ]] && given=$given${{current%%=*}}= current=${{current#*=}}\n  fi\n",
      values, shell_quoted(keys));
}

}  // namespace

std::string bash_completion(const CommandText& program, const ProgramWords& words) {
  std::string subcommands, values, others;
  for (const auto& command : program.commands) {
    subcommands += (subcommands.empty() ? "" : " | ") + command.name;
    values += value_cases(command, command.name);
    others += other_cases(command, command.name);
  }
  const std::string function = shell_function(program.name);
  std::string text =
      fmt::format("# Completion of {0} in bash, written by {0} --print bash.\n{1}() {{\n",
                  program.name, function);
  text += fmt::format(beginning, subcommands.empty() ? "''" : subcommands);
  text += fmt::format(
      "  case \"$command $before\" in\n{}{}    *)\n      case $command in\n{}{}"
      "      esac\n      ;;\n  esac\n",
      value_cases(program, ""), values, other_cases(program, ""), others);
  return text + setting_cases(words) + ending +
         fmt::format("}}\ncomplete -o default -F {} {}", function, program.name);
}

}  // namespace ijepa
