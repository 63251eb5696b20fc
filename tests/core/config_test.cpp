// Settings: reading, refusing and printing TOML, over one struct that has a member of every type.
#include "ijepa/core/config.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

enum class Colour { red, green };

struct Inner {
  std::int64_t num_targets = 4;
  double scale = 0.5;
};
struct Sample {
  bool flag = false;
  std::int64_t count = 3;
  double rate = 1e-3;
  std::string text = "plain";
  std::array<double, 3> mean{0.1, 0.2, 0.3};
  std::vector<double> weights{1};
  Colour colour = Colour::red;
  Inner inner;
};

void describe(Inner& inner, Fields& f) {
  f("num_targets", inner.num_targets, between(1, 16), "Blocks an image.");
  f("scale", inner.scale, up_to(1), "Share of the grid.");
}
struct Outer {
  Sample sample;
};
void describe(Sample& s, Fields& f) {
  f.listed_in("docs/sample.md");
  f("flag", s.flag, "A switch.");
  f("count", s.count, at_least(0), "How many.");
  f("rate", s.rate, above(0), "How fast.");
  f("text", s.text, "Any text.");
  f("mean", s.mean, between(-1, 1), "Three numbers.");
  f("weights", s.weights, between(0, 1), "As many as there are.");
  f.choice("colour", s.colour, {{"red", Colour::red}, {"green", Colour::green}}, "A colour.");
  f.section("inner", s.inner, "The inner part.");
}
void describe(Outer& outer, Fields& f) {
  f.section("sample", outer.sample, "The whole sample.");
}

Sample read(const std::string& text) {
  Outer outer;
  read_toml(fields_of(outer), text, "a.toml");
  return outer.sample;
}

std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string override_refusal(const std::string& assignment) {
  Outer outer;
  try {
    apply_override(fields_of(outer), assignment);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Config, ReadsEveryType) {
  const Sample s = read(
      "[sample]\nflag = true\ncount = 7\nrate = 2\ntext = \"a \\\"b\\\"\"\nmean = [0, 0.5, -1]\n"
      "weights = [1, 0.25, 0, 0.5]\ncolour = \"green\"\n[sample.inner]\nnum_targets = 16\n");
  EXPECT_TRUE(s.flag);
  EXPECT_EQ(s.count, 7);
  EXPECT_EQ(s.rate, 2.0);
  EXPECT_EQ(s.text, "a \"b\"");
  EXPECT_EQ(s.mean, (std::array<double, 3>{0, 0.5, -1}));
  EXPECT_EQ(s.weights, (std::vector<double>{1, 0.25, 0, 0.5}));
  EXPECT_EQ(s.colour, Colour::green);
  EXPECT_EQ(s.inner.num_targets, 16);
  EXPECT_EQ(s.inner.scale, 0.5);
}

struct Refused {
  const char* text;
  const char* message;
};

TEST(Config, RefusesWithFileLineAndReason) {
  const std::vector<Refused> cases{
      {"[sample]\ncont = 1\n",
       "a.toml:2: sample.cont is not a known key; did you mean sample.count?"},
      {"\n[sample.inner]\nnum_target = 1\n",
       "a.toml:3: sample.inner.num_target is not a known key; did you mean "
       "sample.inner.num_targets?"},
      {"[sample]\nscale = 1\n",
       "a.toml:2: sample.scale is not a known key; did you mean sample.inner.scale?"},
      {"[sampel]\ncount = 1\n", "a.toml:1: sampel is not a known key; did you mean sample?"},
      {"[sample]\nsomething_else_altogether = 1\n",
       "a.toml:2: sample.something_else_altogether is not a known key; docs/sample.md lists all "
       "keys"},
      {"[sample]\ncount = 1.5\n",
       "a.toml:2: sample.count must be a whole number, but here it is the number 1.5."},
      {"[sample]\ncount = \"4\"\n",
       "a.toml:2: sample.count must be a whole number, but here it is the text \"4\"."},
      {"[sample]\nrate = true\n", "a.toml:2: sample.rate must be a number, but here it is true."},
      {"[sample]\nflag = 1\n",
       "a.toml:2: sample.flag must be true or false, but here it is the integer 1."},
      {"[sample]\ntext = 1979-05-27\n",
       "a.toml:2: sample.text must be text in quotes, but here it is a date or time."},
      {"[sample]\nmean = [1.0, 0.5]\n",
       "a.toml:2: sample.mean must be an array of 3 numbers, but here it is an array of 2 values."},
      {"[sample]\nmean = [1.0, 0.5, 'x']\n",
       "a.toml:2: sample.mean must be an array of 3 numbers, but here it is an array of 3 values."},
      {"[sample]\nmean = [1.0, 0.5, 2.0]\n",
       "a.toml:2: sample.mean = 2.0 is not allowed; it must be -1 to 1."},
      {"[sample]\nweights = []\n",
       "a.toml:2: sample.weights must be an array of numbers, but here it is an array of 0 "
       "values."},
      {"[sample]\nweights = 1\n",
       "a.toml:2: sample.weights must be an array of numbers, but here it is the integer 1."},
      {"[sample]\nweights = [0.5, 2]\n",
       "a.toml:2: sample.weights = 2.0 is not allowed; it must be 0 to 1."},
      {"[sample]\ncolour = \"blue\"\n",
       "a.toml:2: sample.colour = \"blue\" is not one of red, green."},
      {"[sample]\ncolour = 3\n",
       "a.toml:2: sample.colour must be one of the texts red, green, but here it is the integer "
       "3."},
      {"sample = 3\n",
       "a.toml:1: sample is a section, written [sample], but here it is the integer 3."},
      {"[sample.rate]\n", "a.toml:1: sample.rate must be a number, but here it is a section."},
      {"[sample]\ncount = -1\n",
       "a.toml:2: sample.count = -1 is not allowed; it must be at least 0."},
      {"[sample]\nrate = 0.0\n", "a.toml:2: sample.rate = 0.0 is not allowed; it must be above 0."},
      {"[sample]\nrate = nan\n", "a.toml:2: sample.rate = nan is not allowed; it must be above 0."},
      {"[sample]\nrate = inf\n", "a.toml:2: sample.rate = inf is not allowed; it must be above 0."},
      {"[sample]\ninner.scale = 1.01\n",
       "a.toml:2: sample.inner.scale = 1.01 is not allowed; it must be above 0, at most 1."},
  };
  for (const auto& c : cases) EXPECT_EQ(refusal(c.text), c.message);
}

TEST(Config, BrokenSyntaxIsOneSentenceWithFileAndLine) {
  for (const char* text : {"[sample]\ncount = \n", "[sample]\ncount 3\n", "[sample]\ncount = 1 2\n",
                           "[sample]\ncount = 99999999999999999999\n", "[sample]\ntext = \"open\n",
                           "[sample]\ntext = \"\xff\xfe\"\n"}) {
    const std::string message = refusal(text);
    EXPECT_TRUE(message.starts_with("a.toml:2: this is not valid TOML: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_TRUE(refusal("[sample]\ncount = 1\ncount = 2\n").starts_with("a.toml:3: ")) << "twice";
}

TEST(Config, OverridesTakeTomlValuesAndBareText) {
  Outer outer;
  const Fields fields = fields_of(outer);
  for (const char* assignment :
       {"sample.count=5", "sample.rate=1e-4", "sample.flag=true", "sample.text=runs/a=b \"c\"",
        "sample.colour=green", "sample.mean=[0, 0, 1]", " sample.inner.scale = 1 "}) {
    apply_override(fields, assignment);
  }
  EXPECT_EQ(outer.sample.count, 5);
  EXPECT_EQ(outer.sample.rate, 1e-4);
  EXPECT_EQ(outer.sample.inner.scale, 1.0);
  EXPECT_TRUE(outer.sample.flag);
  EXPECT_EQ(outer.sample.text, "runs/a=b \"c\"");
  EXPECT_EQ(outer.sample.colour, Colour::green);
  EXPECT_EQ(outer.sample.mean[2], 1.0);
  apply_override(fields, "sample.text='quoted'");
  EXPECT_EQ(outer.sample.text, "quoted");
  apply_override(fields, "sample.text=");
  EXPECT_EQ(outer.sample.text, "");
}

TEST(Config, OverridesAreCheckedLikeTheFile) {
  EXPECT_EQ(override_refusal("sample.cout=1"),
            "--set: sample.cout is not a known key; did you mean sample.count?");
  EXPECT_EQ(override_refusal("sample.inner=1"),
            "--set: sample.inner is a section; name one of its keys, as in "
            "sample.inner.key=value.");
  EXPECT_EQ(override_refusal("sample.count=x"),
            "--set: sample.count must be a whole number, but here it is x.");
  EXPECT_EQ(override_refusal("sample.count=-3"),
            "--set: sample.count = -3 is not allowed; it must be at least 0.");
  EXPECT_EQ(override_refusal("sample.count=1.0"),
            "--set: sample.count must be a whole number, but here it is the number 1.0.");
  EXPECT_EQ(override_refusal("sample.colour=blue"),
            "--set: sample.colour = \"blue\" is not one of red, green.");
  EXPECT_EQ(override_refusal("sample.count=1\nother=2"), "--set: sample.count takes one value.");
  for (const char* malformed : {"sample.count", "=3", ""}) {
    EXPECT_NE(override_refusal(malformed).find("write --set section.key=value"), std::string::npos);
  }
  EXPECT_NE(override_refusal("sample.text=\xff").find("sample.text is no text in UTF-8"),
            std::string::npos);
}

TEST(Config, PrintedSettingsReadBackIdentically) {
  Outer outer;
  Rng rng(3, Purpose::test);
  for (int trial = 0; trial < 200; ++trial) {
    outer.sample.rate = std::exp(rng.uniform(-40, 40));
    outer.sample.count = static_cast<std::int64_t>(rng.below(std::uint64_t{1} << 62));
    outer.sample.flag = rng.below(2) == 1;
    outer.sample.colour = rng.below(2) == 1 ? Colour::green : Colour::red;
    outer.sample.mean = {rng.uniform(-1, 1), 0, -1};
    outer.sample.weights.assign(1 + rng.below(5), rng.uniform());
    outer.sample.text.clear();
    for (int i = 0; i < 12; ++i) outer.sample.text += static_cast<char>(1 + rng.below(127));
    const std::string printed = to_toml(fields_of(outer));
    Outer again;
    read_toml(fields_of(again), printed, "printed.toml");
    EXPECT_EQ(to_toml(fields_of(again)), printed);
    EXPECT_EQ(again.sample.rate, outer.sample.rate);
    EXPECT_EQ(again.sample.text, outer.sample.text);
    EXPECT_EQ(again.sample.mean, outer.sample.mean);
    EXPECT_EQ(again.sample.weights, outer.sample.weights);
  }
}

TEST(Config, DamagedFilesAreReadOrRefusedNeverWorse) {
  Outer outer;
  const std::string whole = to_toml(fields_of(outer));
  Rng rng(4, Purpose::test);
  int refused = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    std::string text = whole.substr(0, rng.below(4) == 0 ? rng.below(whole.size()) : whole.size());
    const auto flips = rng.below(4);
    for (std::uint64_t i = 0; i < flips && !text.empty(); ++i) {
      char& c = text[rng.below(text.size())];
      c = static_cast<char>(c ^ (1 << rng.below(8)));
    }
    try {
      read(text);
    } catch (const Error& error) {
      ++refused;
      EXPECT_TRUE(std::string(error.what()).starts_with("a.toml:")) << error.what();
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Config, DeepNestingAndLongNamesAreRefused) {
  EXPECT_TRUE(refusal("a = " + std::string(100000, '[')).starts_with("a.toml:1: "));
  EXPECT_TRUE(refusal(std::string(1000000, 'a') + " = 1").starts_with("a.toml:1: "));
}

// toml++ 3.3 makes a table in a table of each part, and takes them down by recursion.
TEST(Config, KeysOfManyPartsAreRefused) {
  std::string parts = "a";
  for (int i = 0; i < 500'000; ++i) parts += ".a";
  const std::string refused = ": a key of more than 8 parts is not read.";
  EXPECT_EQ(refusal("# a.a.a.a.a.a.a.a.a.a\n" + parts + " = 1"), "a.toml:2" + refused);
  EXPECT_EQ(refusal("x = { " + parts + " = 1 }"), "a.toml:1" + refused);
  EXPECT_EQ(refusal("[" + parts + "]"), "a.toml:1" + refused);
  EXPECT_EQ(refusal(R"(a.'b=.'."c\",".d.e.f.g.h.i = 1)"), "a.toml:1" + refused);
  // Dots elsewhere are none of keys.
  for (const std::string value : {"'1.2.3.4.5.6.7.8.9.10'", R"("../../../../../../../../../../a")",
                                  "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]",
                                  "\"\"\"\na.b.c.d.e.f.g.h.i\n\"\"\"", "'' # a.b.c.d.e.f.g.h.i.j"})
    EXPECT_EQ(refusal("x = " + value).find("parts"), std::string::npos) << value;
}

TEST(Config, LargeFilesAreNoConfigurations) {
  EXPECT_NE(refusal("# " + std::string(1 << 20, 'x')).find("more than 1048576 bytes"),
            std::string::npos);
  Outer outer;
  EXPECT_THROW(read_toml_file(fields_of(outer), "/dev/zero"), Error);  // which has no end
}

TEST(Config, FilesThatCannotBeReadAreNamed) {
  Outer outer;
  const auto folder = std::filesystem::temp_directory_path();
  for (const std::string& path : {std::string("/no/such/file.toml"), folder.string()}) {
    try {
      read_toml_file(fields_of(outer), path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    }
  }
}

TEST(Config, OneValueIsTextWithoutQuotes) {
  Outer outer;
  const Fields fields = fields_of(outer);
  EXPECT_EQ(value_of(fields, "sample.inner.scale"), "0.5");
  EXPECT_EQ(value_of(fields, "sample.text"), "plain");
  EXPECT_EQ(value_of(fields, "sample.colour"), "red");
  try {
    value_of(fields, "sample.color");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "sample.color is not a known key; did you mean sample.colour?");
  }
}

struct Pigment {
  std::string name = "none";
  double share = 0;
};
void describe(Pigment& row, Fields& fields) {
  fields("name", row.name, "");
  fields("share", row.share, between(0, 1), "");
}
struct Palette {
  bool on = false;
  std::vector<Pigment> colours{{"default", 1}};
};
void describe(Palette& palette, Fields& fields) {
  fields("on", palette.on, "");
  fields.rows("colour", palette.colours, "");
}
struct Drawing {
  Palette palette;
};
void describe(Drawing& drawing, Fields& fields) {
  fields.section("palette", drawing.palette, "");
}

TEST(Config, ListsOfSectionsAreReadWrittenAndChecked) {
  Drawing drawing;
  const auto read_into = [&](const std::string& text) -> std::string {
    try {
      read_toml(fields_of(drawing), text, "a.toml");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(read_into("[palette]\non = true\n[[palette.colour]]\nname = \"red\"\nshare = 0.25\n"
                      "[[palette.colour]]\n"),
            "");
  ASSERT_EQ(drawing.palette.colours.size(), 2U);
  EXPECT_EQ(drawing.palette.colours[0].name, "red");
  EXPECT_EQ(drawing.palette.colours[1].name, "none");
  const auto text = to_toml(fields_of(drawing));
  drawing = {};
  EXPECT_EQ(read_into(text), "");
  EXPECT_EQ(to_toml(fields_of(drawing)), text);
  EXPECT_EQ(read_into("[[palette.colour]]\nnme = \"a\"\n"),
            "a.toml:2: nme is not a known key; did you mean name?");
  EXPECT_EQ(read_into("[[palette.colour]]\nshare = 2\n"),
            "a.toml:2: share = 2.0 is not allowed; it must be 0 to 1.");
  EXPECT_NE(read_into("[palette]\ncolour = [1]\n").find("list of sections in double brackets"),
            std::string::npos);
}

TEST(Config, ReferencePageHasARowForEveryField) {
  Outer outer;
  const std::string page = to_markdown(fields_of(outer));
  EXPECT_NE(page.find("## [sample.inner]\n\nThe inner part.\n"), std::string::npos) << page;
  EXPECT_NE(page.find("| `scale` | `0.5` | a number | above 0, at most 1 | Share of the grid. |"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("| `colour` | `\"red\"` | text | red, green | A colour. |"),
            std::string::npos)
      << page;
}

}  // namespace
}  // namespace ijepa
