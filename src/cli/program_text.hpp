// A program's command line in words, read from its CLI::App: what manual pages and completions are
// written from.
#pragma once
#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "ijepa/cli/program.hpp"

namespace ijepa {

/// What may follow an option.
enum class Takes { nothing, number, choice, setting, folder, path };

struct OptionText {
  std::vector<std::string> names;  // "-e", "--epochs"; of a positional its name alone
  Takes takes = Takes::nothing;
  std::string value;  // "INT", "FOLDER"; of a positional its name
  std::vector<std::string> choices;
  std::string bounds;    // "1 to 100", or ""
  std::string standard;  // the default, or ""
  std::string help;
  bool required = false, several = false, positional = false;
};

struct CommandText {
  std::string name, help;  // the program or a subcommand
  std::vector<OptionText> options;
  std::vector<CommandText> commands;
  bool needs_command = false;  // without one of them it does nothing
};

/// Reads `app` and its subcommands.
CommandText command_text(const CLI::App& app);

/// Whether words without an option mean something, beside subcommands.
bool has_positionals(const CommandText& command);

/// "--encoder TEXT", "-e, --epochs INT ...", "config"
std::string option_heading(const OptionText& option);
/// "(default: target; one of target, context; required)" or "".
std::string option_remarks(const OptionText& option);

/// The file formats of --print.
std::string man_page(const CommandText& program, const ProgramWords& words);
std::string bash_completion(const CommandText& program, const ProgramWords& words);
std::string zsh_completion(const CommandText& program, const ProgramWords& words);
std::string fish_completion(const CommandText& program, const ProgramWords& words);

/// 'text' as a shell reads it back.
std::string shell_quoted(const std::string& text);
/// The program's name as that of a shell function: "_ijepa_probe".
std::string shell_function(const std::string& program);

}  // namespace ijepa
