// The manual page, in the man macros of roff (man(7) of groff).
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "ijepa/cli/build_info.hpp"
#include "program_text.hpp"

namespace ijepa {
namespace {

/// Text as roff prints it, hyphens as one types them.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += std::string("\\&") + c;
    else
      out += c;
  }
  return out;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// What whatis(1) shows: the first sentence, as part of one.
std::string purpose(const std::string& help) {
  std::string text = help.substr(0, help.find(". "));
  if (text.ends_with('.')) text.pop_back();
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string synopsis(const std::string& name, const CommandText& command) {
  if (command.needs_command && !has_positionals(command)) return "";
  std::string words = "[OPTIONS]";
  for (const bool positional : {false, true})
    for (const auto& option : command.options)
      if (option.positional == positional && (option.required || positional))
        words +=
            fmt::format(fmt::runtime(option.required ? " {}" : " [{}]"), option_heading(option));
  return fmt::format(".TP\n.B {}\n{}\n", roff(name), roff(words));
}

std::string entry(const std::string& heading, const std::string& body) {
  return fmt::format(".TP\n.B {}\n{}\n", roff(heading), roff(body));
}

std::string option_entries(const CommandText& command) {
  std::string text;
  for (const bool positional : {true, false})
    for (const auto& option : command.options) {
      if (option.positional != positional) continue;
      const auto remarks = option_remarks(option);
      text += entry(option_heading(option), option.help + (remarks.empty() ? "" : " " + remarks));
    }
  return text;
}

std::string command_entries(const CommandText& program) {
  std::string text;
  for (const auto& command : program.commands)
    text += fmt::format(".SS {} {}\n{}.\n{}", roff(program.name), roff(command.name),
                        roff(command.help), option_entries(command));
  return text.empty() ? "" : ".SH COMMANDS\n" + text;
}

std::string setting_entries(const ProgramWords& words) {
  std::string text;
  for (const auto& field : words.settings) {
    std::string remarks = field.type;
    if (!field.allowed.empty()) remarks += ", " + field.allowed;
    text +=
        entry(field.path, fmt::format("{} ({}; default: {})", field.help, remarks, field.value));
  }
  return text.empty() ? "" : ".SH SETTINGS\nKeys of the configuration and of \\-\\-set.\n" + text;
}

std::string statuses(const ProgramWords& words) {
  std::string text = ".SH EXIT STATUS\n" + entry("0", "Done.") +
                     entry("1", "An error, which standard error tells.");
  for (const auto& [code, meaning] : words.statuses)
    text += entry(fmt::format("{}", code), meaning);
  return text + entry("above 100", "The command line is wrong, which standard error tells.");
}

std::string examples(const ProgramWords& words) {
  std::string text;
  for (const auto& [what, command] : words.examples)
    text += fmt::format(".PP\n{}:\n.PP\n.EX\n    {}\n.EE\n", roff(what), roff(command));
  return text.empty() ? "" : ".SH EXAMPLES\n" + text;
}

std::string more(const ProgramWords& words) {
  std::string text;
  for (const auto& page : words.pages) text += (text.empty() ? "" : ", ") + page;
  return text.empty() ? "" : ".SH SEE ALSO\n" + roff(text) + "\n";
}

}  // namespace

std::string man_page(const CommandText& program, const ProgramWords& words) {
  std::string text = fmt::format(".TH {} 1 \"\" \"ijepa {}\" \"User Commands\"\n",
                                 upper(roff(program.name)), version());
  text += fmt::format(".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n", roff(program.name),
                      roff(purpose(program.help)));
  text += synopsis(program.name, program);
  for (const auto& command : program.commands)
    text += synopsis(program.name + " " + command.name, command);
  text += ".SH DESCRIPTION\n" + roff(program.help) + "\n.SH OPTIONS\n" + option_entries(program);
  return text + command_entries(program) + setting_entries(words) + statuses(words) +
         examples(words) + more(words);
}

}  // namespace ijepa
