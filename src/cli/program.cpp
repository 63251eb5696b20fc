#include "ijepa/cli/program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <map>

#include "ijepa/cli/build_info.hpp"
#include "ijepa/core/message.hpp"
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

/// An --out that a variable of the shell was to say, and that is not set, is no folder: neither the
/// current one nor the default.
void check_out_options(CLI::App& app) {
  const CLI::Validator given(
      [](const std::string& value) {
        return std::string(value.empty() ? "empty, as a variable of the shell that is not set"
                                         : "");
      },
      "");
  for (auto* option : app.get_options(
           [](const CLI::Option* o) { return o->get_single_name().starts_with("out"); }))
    option->check(given);
  for (auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    check_out_options(*command);
}

/// What a program says may go to a file whose disk is full: then it has not ended well. A reader
/// that has had enough (head) is no fault.
void end_with_all_said() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  const std::string why = errno != 0 ? std::strerror(errno) : "an earlier write failed";
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0) return;
  fmt::print(stderr, "error: Standard output could not be written: {}.\n", why);
  std::_Exit(1);
}

}  // namespace

void say_next(const Log& log, const std::vector<Example>& next) {
  std::size_t width = 0;
  for (const auto& [what, command] : next) width = std::max(width, what.size());
  for (const auto& [what, command] : next) log.info("{:<{}}  {}", what + ":", width + 1, command);
}

void add_program_words(CLI::App& app, const ProgramWords& words) {
  std::atexit(end_with_all_said);
  check_out_options(app);
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

int run_program(CLI::App& app, const ProgramWords& words, int argc, char** argv,
                const std::function<int()>& body) {
  add_program_words(app, words);
  CLI11_PARSE(app, argc, argv);
  try {
    return body();
  } catch (...) {
    fmt::print(stderr, "{}: {}\n", words.name, message_of(std::current_exception()));
    return 1;
  }
}

}  // namespace ijepa
