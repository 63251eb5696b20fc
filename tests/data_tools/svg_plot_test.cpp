#include "data_tools/plots/svg_plot.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>
#include <set>

namespace ijepa::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> all_of(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it)
    found.push_back((*it)[1]);
  return found;
}

TEST(SvgPlot, TellsCurvesApartWithoutColours) {
  Plot plot{"loss", "epoch", {}};
  for (int i = 0; i < 8; ++i)
    plot.curves.push_back({"c" + std::to_string(i), {0, 1, 2}, {3, 2, 1}});  // over one another
  const auto figure = svg_figure(plot, "words");
  const auto svg = figure.substr(0, figure.find("</svg>"));
  const auto dashes = all_of(svg, "stroke-dasharray=\"([^\"]*)\"");
  EXPECT_EQ(std::set(dashes.begin(), dashes.end()).size(), 8U);
  const auto places = all_of(svg, "y=\"([0-9.]+)\" class=\"t ");
  ASSERT_EQ(places.size(), 8U);
  std::set<double> ys;
  for (const auto& y : places) ys.insert(std::stod(y));
  for (auto it = ys.begin(), next = std::next(it); next != ys.end(); ++it, ++next)
    EXPECT_GE(*next - *it, 15.9) << "names cover one another";
  EXPECT_GE(*ys.begin(), 0);
}

TEST(SvgPlot, PartsACurveWhereItIsNoNumber) {
  const auto figure = svg_figure({"a", "epoch", {{"b", {0, 1, 2, 3}, {1, NAN, 2, 3}}}}, "");
  const auto line = all_of(figure, "<path d=\"([^\"]*)\" class=\"l s0\"").at(0);
  EXPECT_EQ(std::ranges::count(line, 'M'), 2);
  EXPECT_EQ(std::ranges::count(line, 'L'), 1);
  EXPECT_THAT(figure, Not(HasSubstr("nan")));
}

TEST(SvgPlot, OfNothingSaysSo) {
  EXPECT_THAT(svg_figure({"a", "epoch", {{"b", {}, {}}, {"c", {1}, {NAN}}}}, ""),
              HasSubstr("There is no figure of it yet."));
}

TEST(SvgPlot, EscapesMarkupAndBytesThatAreNoText) {
  EXPECT_EQ(escaped("a<b>&\"c\xc3\xa9"), "a&lt;b&gt;&amp;&quot;c\xc3\xa9");
  EXPECT_EQ(escaped(std::string_view("\xff\xc3(\x01\xe2\x82", 6)), "\x3f?(???");
  EXPECT_THAT(
      svg_figure({"<t>", "epoch", {{"<n>", {1}, {1}}}}, "<w>", {{1, "x", "<m>"}}),
      Not(testing::AnyOf(HasSubstr("<t>"), HasSubstr("<n>"), HasSubstr("<w>"), HasSubstr("<m>"))));
}

TEST(SvgPlot, WritesBase64) {  // the examples of RFC 4648
  const std::vector<std::pair<std::string, std::string>> examples{{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) EXPECT_EQ(base64(bytes), text);
}

}  // namespace
}  // namespace ijepa::tools
