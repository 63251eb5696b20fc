#include "ijepa/cli/program.hpp"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "ijepa/cli/build_info.hpp"
#include "ijepa/cli/numbers.hpp"

namespace ijepa {
namespace {

struct SampleProgram {
  CLI::App app{"Tries things. Ends soon."};
  std::string name;
  int count = 3;

  SampleProgram() {
    auto& make = *app.add_subcommand("make", "makes one");
    make.option_defaults()->always_capture_default();
    make.add_option("--name", name, "its name: 'a' [or] \\b")
        ->required()
        ->check(CLI::IsMember({"a", "b"}));
    add_number(make, "-n,--count", count, between(1, 9), ".of them");
    app.add_subcommand("drop", "drops one");
    app.require_subcommand(1);
    add_program_words(app, {.name = "ijepa-try",
                            .examples = {{"Make one", "ijepa-try make --name a"},
                                         {"Drop one", "ijepa-try drop --all"}},
                            .pages = {"docs/a.md"},
                            .statuses = {{85, "Saved."}},
                            .settings = {{"x.y", "1", "a number", "0 to 1", {}, "How far."}}});
  }

  /// What the words of a command line print; also where options that it needs are missing.
  std::string printed(const std::vector<std::string>& words) {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    std::ostringstream out, problem;
    try {
      app.parse(reversed);
    } catch (const CLI::ParseError& e) {
      app.exit(e, out, problem);
    }
    return out.str() + problem.str();
  }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ProgramWords, VersionTellsWhatItWasBuiltWith) {
  const std::string text = SampleProgram().printed({"--version"});
  EXPECT_TRUE(text.starts_with("ijepa-try " + version())) << text;
  for (const char* part : {"\ncompiler", "\nMPI", "\nHDF5", "\noneDNN", "\nCUDA"})
    EXPECT_TRUE(holds(text, part)) << part << " in " << text;
  for (const auto& [name, value] : built_with()) EXPECT_FALSE(value.empty()) << name;
}

TEST(ProgramWords, AnEmptyOutIsRefused) {
  for (const std::string flag : {"--out", "--out-dir"}) {
    CLI::App app;
    std::string out, other;
    app.add_option(flag, out);
    app.add_subcommand("make")->add_option(flag, out);
    app.add_option("--subdir", other);
    add_program_words(app, {.name = "ijepa-try"});
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"", flag}, std::vector<std::string>{"", flag, "make"}})
      EXPECT_THROW(app.parse(std::vector<std::string>(words)), CLI::ValidationError) << flag;
    app.parse(std::vector<std::string>{"x", flag, "", "--subdir"});
    EXPECT_EQ(out, "x");
  }
}

TEST(ProgramWords, ASubcommandShowsItsOwnExamples) {
  const std::string all = SampleProgram().printed({"--help"}),
                    one = SampleProgram().printed({"make", "--help"});
  EXPECT_TRUE(holds(all, "Make one:\n  ijepa-try make --name a\n")) << all;
  EXPECT_TRUE(holds(all, "Drop one") && holds(all, "More: docs/a.md")) << all;
  EXPECT_TRUE(holds(one, "Make one") && !holds(one, "Drop one")) << one;
}

TEST(ProgramWords, ThePageEscapesWhatRoffWouldTakeForItself) {
  const std::string page = SampleProgram().printed({"--print", "man"});
  EXPECT_TRUE(holds(page, ".SH NAME\nijepa\\-try \\- tries things\n")) << page;
  EXPECT_TRUE(holds(page, "its name: 'a' [or] \\eb (one of a, b; required)")) << page;
  EXPECT_TRUE(holds(page, ".B \\-n, \\-\\-count INT\n\\&.of them (1 to 9; default: 3)")) << page;
  EXPECT_TRUE(holds(page, ".B x.y\nHow far. (a number, 0 to 1; default: 1)")) << page;
  EXPECT_TRUE(holds(page, ".B 85\nSaved.")) << page;
}

TEST(ProgramWords, CompletionsKnowSubcommandsOptionsAndChoices) {
  const std::string bash = SampleProgram().printed({"--print", "bash"});
  EXPECT_TRUE(holds(bash, "'make --name') takes='a b'")) << bash;
  EXPECT_TRUE(holds(bash, "'make --count' | 'make -n') takes='nothing'") ||
              holds(bash, "'make -n' | 'make --count') takes='nothing'"))
      << bash;
  const std::string zsh = SampleProgram().printed({"--print", "zsh"});
  EXPECT_TRUE(holds(zsh, R"('*--name=[its name\: '\''a'\'' \[or\] \\b]:TEXT:(a b)')")) << zsh;
  const std::string fish = SampleProgram().printed({"--print", "fish"});
  EXPECT_TRUE(holds(fish, R"(-l name -x -a 'a b' -d 'its name: \'a\' [or] \\b')")) << fish;
}

TEST(ProgramWords, AnUnknownFormatIsRefusedWithThoseThereAre) {
  const std::string text = SampleProgram().printed({"--print", "tcsh"});
  EXPECT_TRUE(holds(text, "tcsh not in {man,bash,zsh,fish}")) << text;
}

void say_into(const char* file) {
  if (std::freopen(file, "w", stdout) == nullptr) std::_Exit(2);
  const SampleProgram sample;
  std::puts("what it has to say");
  std::exit(0);
}

TEST(ProgramDeathTest, DoesNotEndWellWhereItsOutputIsLost) {
  EXPECT_EXIT(say_into("/dev/full"), ::testing::ExitedWithCode(1),
              "Standard output could not be written: No space left");
  EXPECT_EXIT(say_into("/dev/null"), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace ijepa
