// What all programs have on their command line beside their own options: --version, examples below
// --help, and --print, which writes the manual page and the completions of shells from the options.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ijepa/core/field_text.hpp"
#include "ijepa/core/log.hpp"

namespace CLI {
class App;
}

namespace ijepa {

struct Example {
  std::string what, command;
};

struct ExitStatus {
  int code;
  std::string meaning;
};

/// What is said about a program beside its options.
struct ProgramWords {
  std::string name;  // "ijepa-probe"
  std::vector<Example> examples;
  std::vector<std::string> pages;         // of docs/, which tell more
  std::vector<ExitStatus> statuses = {};  // beside 0 and 1
  std::vector<FieldText> settings = {};   // that its option --set takes as KEY=VALUE
};

/// Names `app` and adds --version, --print and the examples to it, and to each subcommand those
/// examples that call it. To be called when all subcommands are there.
void add_program_words(CLI::App& app, const ProgramWords& words);

/// The main() of a program without ranks: add_program_words(), then reads the command line and runs
/// `body`. What that throws is told on standard error, and the status is 1.
int run_program(CLI::App& app, const ProgramWords& words, int argc, char** argv,
                const std::function<int()>& body);

/// The last words of a program, on standard error by rank 0: useful next commands, a line each.
void say_next(const Log& log, const std::vector<Example>& next);

}  // namespace ijepa
