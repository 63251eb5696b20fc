#include "ijepa/cli/numbers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

namespace ijepa {
namespace {

struct Sample {
  CLI::App app{"Counts."};
  int k = 5;
  std::int64_t images = 0;
  std::uint64_t seed = 0;
  double share = 0.5, limit = 0;
  std::vector<double> rates;

  Sample() {
    add_number(app, "--k", k, between(1, 64), "neighbours");
    add_number(app, "--images", images, count_from(1), "looked at");
    add_number(app, "--seed", seed, at_least(0), "of draws");
    add_number(app, "--share", share, below(1), "of them");
    add_number(app, "--limit", limit, at_least(0), "of time");
    add_number(app, "--lr", rates, up_to(100), "tried");
  }

  /// What is said of `words`; "" if they are taken.
  std::string said(std::vector<std::string> words) {
    std::ranges::reverse(words);
    std::ostringstream out, problem;
    try {
      app.parse(words);
    } catch (const CLI::ParseError& e) {
      app.exit(e, out, problem);
    }
    const auto text = problem.str();
    return text.substr(0, text.find('\n'));
  }
};

TEST(Numbers, OfTheRangeAreTaken) {
  Sample s;
  EXPECT_EQ(s.said({"--k", "64", "--images", "1000000000000000", "--seed", "18446744073709551615",
                    "--share", "0", "--lr", "1e-3", "100"}),
            "");
  EXPECT_EQ(s.k, 64);
  EXPECT_EQ(s.images, 1'000'000'000'000'000);
  EXPECT_EQ(s.seed, 18446744073709551615U);
  EXPECT_EQ(s.share, 0);
  EXPECT_EQ(s.said({"--seed", "0xBEEF"}), "");
  EXPECT_EQ(s.seed, 0xBEEFU);
  EXPECT_EQ(s.rates, (std::vector<double>{1e-3, 100}));
}

TEST(Numbers, OthersAreRefusedInOneSentenceWithTheRange) {
  for (const char* k :
       {"0", "65", "-1", "1.5", "nan", "99999999999999999999", "many", "010", "0x", "5 "})
    EXPECT_EQ(Sample().said({"--k", k}),
              std::string("--k: ") + k + " is not allowed; it must be a whole number, 1 to 64.");
  EXPECT_EQ(Sample().said({"--images", "0"}),
            "--images: 0 is not allowed; it must be a whole number, 1 to 1000000000000000.");
  for (const char* seed : {"-1", "18446744073709551616"})
    EXPECT_EQ(
        Sample().said({"--seed", seed}),
        std::string("--seed: ") + seed + " is not allowed; it must be a whole number, at least 0.");
  for (const char* share : {"1", "-0.1", "nan", "inf", "half"})
    EXPECT_EQ(Sample().said({"--share", share}),
              std::string("--share: ") + share +
                  " is not allowed; it must be a number, at least 0, below 1.");
  EXPECT_EQ(Sample().said({"--limit", "inf"}),
            "--limit: inf is not allowed; it must be a number, at least 0.");
  EXPECT_EQ(Sample().said({"--lr", "0.1", "inf"}),
            "--lr: inf is not allowed; it must be a number, above 0, at most 100.");
}

TEST(Numbers, HelpShowsTheRange) {
  const auto help = Sample().app.help();
  EXPECT_NE(help.find("--k INT:1 to 64"), std::string::npos) << help;
  EXPECT_NE(help.find("--share FLOAT:at least 0, below 1"), std::string::npos) << help;
}

}  // namespace
}  // namespace ijepa
