#include "ijepa/cli/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <functional>
#include <map>

#include "ijepa/cli/build_info.hpp"
#include "program_text.hpp"

namespace ijepa {
namespace {

using Writer = std::string (*)(const CommandText&, const ProgramWords&);
const std::map<std::string, Writer> writers{{"man", man_page},
                                            {"bash", bash_completion},
                                            {"zsh", zsh_completion},
                                            {"fish", fish_completion}};

/// The examples whose command begins with `called`.
std::string examples_text(const std::vector<Example>& examples, const std::string& called) {
  std::string text;
  for (const auto& [what, command] : examples)
    if (command.find(called) != std::string::npos)
      text += fmt::format("{}{}:\n  {}\n", text.empty() ? "Examples:\n" : "", what, command);
  return text;
}

void add_footers(CLI::App& app, const ProgramWords& words) {
  std::string text = examples_text(words.examples, words.name);
  if (!words.pages.empty()) text += fmt::format("\nMore: {}", fmt::join(words.pages, ", "));
  app.footer(text);
  for (auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    command->footer(examples_text(words.examples, words.name + " " + command->get_name() + " "));
}

}  // namespace

void say_next(const Log& log, const std::vector<Example>& next) {
  std::size_t width = 0;
  for (const auto& [what, command] : next) width = std::max(width, what.size());
  for (const auto& [what, command] : next) log.info("{:<{}}  {}", what + ":", width + 1, command);
}

void add_program_words(CLI::App& app, const ProgramWords& words) {
  app.name(words.name);
  add_footers(app, words);
  app.set_version_flag(
      "--version", [name = words.name] { return version_text(name); },
      "print version, commit and what it was built with, and stop");
  app.add_option_function<std::string>(
         "--print",
         [&app, words](const std::string& format) {
           throw CLI::CallForVersion(writers.at(format)(command_text(app), words), 0);
         },
         "print the manual page or the completion of a shell, and stop")
      ->check(CLI::IsMember({"man", "bash", "zsh", "fish"}));
}

}  // namespace ijepa
