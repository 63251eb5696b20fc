#include <gtest/gtest.h>

#include "ijepa/data/images/canvas.hpp"
#include "ijepa/tasks/segmentation/mask_reader.hpp"
#include "tests/support/input_tree.hpp"
#include "tests/support/source_folder.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa::test {
namespace {

constexpr const char* three = R"(
[[class]]
name = "sky"
mask = [0, 0, 0]
[[class]]
name = "road"
mask = [10, 20, 30]
draw = [1, 2, 3]
[[class]]
name = "car"
mask = [40, 50, 60]
[[ignore]]
mask = [224, 224, 192]
)";

Labels parse(const std::string& text) {
  Labels labels;
  read_toml(fields_of(labels), text, "a.toml");
  resolve(labels, "a.toml");
  return labels;
}

std::string problem(const std::string& text) {
  return message_of([&] { parse(text); });
}

/// A 3 x 2 mask with these colours.
Bytes colours(const Bytes& rgb) {
  return encode_png(rgb, 2, 3);
}
PngForm grey_form() {
  PngForm form;
  form.colour_type = PNG_COLOR_TYPE_GRAY;
  return form;
}
const Bytes example{0,  0,  0,  10,  20,  30,  40, 50, 60,  // a row
                    10, 20, 30, 224, 224, 192, 7,  7,  7};

std::vector<std::uint8_t> labels_of(const std::string& text, const Bytes& mask) {
  return MaskReader(parse(text)).read(mask).index;
}

TEST(Labels, ColoursBecomeClassesAndUnknownOnesFollowTheRule) {
  const std::string ignore = "unknown_colour = \"ignore\"\n";
  const std::string error = "unknown_colour = \"error\"\n";
  EXPECT_EQ(labels_of(three, colours(example)),
            (std::vector<std::uint8_t>{0, 1, 2, 1, ignored_label, 0}));
  EXPECT_EQ(labels_of(ignore + three, colours(example)).back(), ignored_label);
  const auto message = message_of([&] { labels_of(error + three, colours(example)); });
  EXPECT_NE(message.find("(7, 7, 7) at pixel x = 2, y = 1"), std::string::npos) << message;
}

TEST(Labels, IndicesOfGreyAndPalettePictures) {
  const std::string text = std::string("masks = \"index\"\nignore_index = 9\n") + three;
  const Bytes grey = encode_png({0, 1, 2, 9, 5, 0}, 2, 3, grey_form());
  EXPECT_EQ(labels_of(text, grey), (std::vector<std::uint8_t>{0, 1, 2, ignored_label, 0, 0}));
  // Two bits a pixel, packed, each row in a byte of its own: 0 1 2 / 2 1 0.
  const Bytes packed =
      encode_png({0b00011000, 0b10010000}, 2, 3,
                 {PNG_COLOR_TYPE_PALETTE, 2, PNG_INTERLACE_NONE, {9, 9, 9, 8, 8, 8, 7, 7, 7}});
  EXPECT_EQ(labels_of(text, packed), (std::vector<std::uint8_t>{0, 1, 2, 2, 1, 0}));
  const auto unknown = message_of([&] { labels_of("unknown_colour = \"error\"\n" + text, grey); });
  EXPECT_NE(unknown.find("the index 5 at pixel x = 1, y = 1"), std::string::npos) << unknown;
  const auto rgb = message_of([&] { labels_of(text, colours(example)); });
  EXPECT_NE(rgb.find("not indices"), std::string::npos) << rgb;
  const auto jpeg = message_of([&] { labels_of(text, small_jpeg(1)); });
  EXPECT_NE(jpeg.find("must be PNG"), std::string::npos) << jpeg;
}

TEST(Labels, OfTwoClassesEverythingThatIsNotBlackIsTheSecond) {
  const std::string two = R"(
[[class]]
name = "background"
mask = [0, 0, 0]
[[class]]
name = "person"
mask = [255, 255, 255]
[[ignore]]
mask = [224, 224, 192]
)";
  EXPECT_EQ(labels_of(two, colours(example)),
            (std::vector<std::uint8_t>{0, 1, 1, 1, ignored_label, 1}));
  const Bytes grey = encode_png({0, 1, 255, 0, 9, 0}, 2, 3, grey_form());
  EXPECT_EQ(labels_of("masks = \"index\"\nignore_index = 9\n" + two, grey),
            (std::vector<std::uint8_t>{0, 1, 1, 0, ignored_label, 0}));
}

TEST(Labels, OfTwoClassesOnAnotherGroundColoursAreExact) {
  const std::string white = R"(
[[class]]
name = "paper"
mask = [255, 255, 255]
[[class]]
name = "ink"
mask = [0, 0, 0]
)";
  const Bytes pixels{255, 255, 255, 0, 0, 0, 7, 7, 7, 0, 0, 0, 255, 255, 255, 0, 0, 0};
  EXPECT_EQ(labels_of(white, colours(pixels)), (std::vector<std::uint8_t>{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(labels_of("unknown_colour = \"ignore\"\n" + white, colours(pixels))[2], ignored_label);
}

/// `three` as numbers, with these lines in front and these values of the classes.
std::string as_index(const std::string& front, const std::vector<int>& values = {}) {
  std::string text = "masks = \"index\"\n" + front + three;
  for (std::size_t i = 0, at = 0; i < values.size(); ++i, ++at) {
    at = text.find("name", at);
    text.insert(at, fmt::format("value = {}\n", values[i]));
    at = text.find("name", at);
  }
  return text;
}

TEST(Labels, NumbersMayBeginBehindAnIgnoredZeroOrBeSaidForEachClass) {
  const Bytes ade = encode_png({0, 1, 2, 3, 0, 1}, 2, 3, grey_form());
  const std::vector<std::uint8_t> expected{ignored_label, 0, 1, 2, ignored_label, 0};
  EXPECT_EQ(labels_of(as_index("reduce_zero_label = true\n"), ade), expected);
  EXPECT_EQ(labels_of(as_index("ignore_index = 0\n", {1, 2, 3}), ade), expected);
  EXPECT_EQ(labels_of(as_index("", {1, 2, 3}) + "[[ignore]]\nvalue = 0\n", ade), expected);
  EXPECT_EQ(labels_of(as_index("unknown_colour = \"ignore\"\n", {3, 200, 1}), ade),
            (std::vector<std::uint8_t>{255, 2, 255, 0, 255, 2}));
}

TEST(Labels, NumbersAreReadFromEveryKindOfPng) {
  const auto text = as_index("ignore_index = 300\n", {0, 1, 999});
  const std::vector<std::uint8_t> expected{0, 1, 2, ignored_label};
  const Bytes words{0, 0, 0, 1, 3, 0xE7, 1, 0x2C};
  EXPECT_EQ(labels_of(text, encode_png(words, 1, 4, {PNG_COLOR_TYPE_GRAY, 16, 0, {}})), expected);
  const auto small = as_index("", {0, 7, 9});
  const std::vector<std::uint8_t> known{0, 1, 2};
  EXPECT_EQ(labels_of(small, encode_png({0, 0, 0, 7, 7, 7, 9, 9, 9}, 1, 3)), known);
  EXPECT_EQ(labels_of(small, encode_png({0, 0, 0, 255, 7, 7, 7, 0, 9, 9, 9, 1}, 1, 3,
                                        {PNG_COLOR_TYPE_RGBA, 8, 0, {}})),
            known);
  EXPECT_EQ(labels_of(small, encode_png({0, 255, 7, 0, 9, 9}, 1, 3,
                                        {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0, {}})),
            known);
  const auto colour = message_of([&] { labels_of(small, encode_png({0, 0, 0, 7, 8, 7}, 1, 2)); });
  EXPECT_NE(colour.find("not indices: (7, 8, 7) at pixel x = 1, y = 0"), std::string::npos)
      << colour;
}

/// A 2 x 1 BMP of 24 bits.
Bytes small_bmp(const Rgb& left, const Rgb& right) {
  Bytes bmp{'B', 'M', 62, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0,  40,
            0,   0,   0,  2, 0, 0, 0, 1, 0, 0, 0,  1, 0, 24, 0};
  bmp.resize(54);
  for (const auto& c : {left, right}) bmp.insert(bmp.end(), {c[2], c[1], c[0]});
  bmp.resize(62);
  return bmp;
}

TEST(Labels, OtherFormatsAreReadWhereTheyKeepEveryValue) {
  const auto index = as_index("", {0, 7, 9});
  EXPECT_EQ(labels_of(three, small_bmp({10, 20, 30}, {40, 50, 60})),
            (std::vector<std::uint8_t>{1, 2}));
  EXPECT_EQ(labels_of(index, small_bmp({9, 9, 9}, {7, 7, 7})), (std::vector<std::uint8_t>{2, 1}));
  const auto problem_of = [&](const std::string& text, const Bytes& mask) {
    return message_of([&] { labels_of(text, mask); });
  };
  EXPECT_NE(problem_of(index, small_bmp({9, 9, 9}, {7, 8, 7})).find("(7, 8, 7) at pixel x = 1"),
            std::string::npos);
  const std::string header = "P6 1 1 255\n";
  Bytes ppm(header.begin(), header.end());
  ppm.insert(ppm.end(), {40, 50, 60});
  EXPECT_EQ(labels_of(three, ppm), (std::vector<std::uint8_t>{2}));
  EXPECT_NE(problem_of(index, ppm).find("this is PPM or PGM"), std::string::npos);
}

TEST(Labels, ColoursAreReadFromPaletteAndTransparentPngs) {
  const Bytes palette{0, 0, 0, 10, 20, 30, 40, 50, 60};
  EXPECT_EQ(labels_of(three, encode_png({0, 1, 2}, 1, 3, {PNG_COLOR_TYPE_PALETTE, 8, 0, palette})),
            (std::vector<std::uint8_t>{0, 1, 2}));
  EXPECT_EQ(labels_of(three, encode_png({10, 20, 30, 0, 40, 50, 60, 9}, 1, 2,
                                        {PNG_COLOR_TYPE_RGBA, 8, 0, {}})),
            (std::vector<std::uint8_t>{1, 2}));
}

TEST(Labels, ValuesThatAreNoClassAreCounted) {
  const MaskReader reader(parse(three));
  UnknownValues unknown;
  reader.read(colours(example), &unknown, 3);
  EXPECT_EQ(unknown.pixels(), 1);
  const Bytes more{9, 9, 9, 9, 9, 9, 7, 7, 7, 10, 20, 30, 7, 7, 7, 9, 9, 9};
  reader.read(colours(more), &unknown, 2);
  EXPECT_EQ(unknown.pixels(), 6);
  const auto first = unknown.commonest(5);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].code, mask_code({7, 7, 7}));
  EXPECT_EQ(first[0].pixels, 3);
  EXPECT_EQ(std::vector<std::int64_t>({first[0].pair, first[0].x, first[0].y}),
            (std::vector<std::int64_t>{2, 2, 0}))
      << "the first in the order of the masks";
  // Two ranks know what one does.
  UnknownValues here, there;
  reader.read(colours(example), &here, 3);
  reader.read(colours(more), &there, 2);
  UnknownValues both;
  both.add(there.commonest(64), there.pixels());
  both.add(here.commonest(64), here.pixels());
  const auto fields = [](const UnknownValues& values) {
    std::vector<std::array<std::int64_t, 5>> all;
    for (const auto& v : values.commonest(5)) all.push_back({v.code, v.pixels, v.pair, v.x, v.y});
    return all;
  };
  EXPECT_EQ(fields(both), fields(unknown));
  EXPECT_EQ(both.pixels(), unknown.pixels());
}

TEST(Labels, AreWrittenAndReadAgain) {
  auto labels = parse(three);
  EXPECT_EQ(labels.palette(), (std::vector<Rgb>{{0, 0, 0}, {1, 2, 3}, {40, 50, 60}}));
  const auto again = parse(to_toml(fields_of(labels)));
  EXPECT_EQ(again.palette(), labels.palette());
  EXPECT_EQ(again.ignored.size(), 1U);
}

TEST(Labels, RefuseWhatCannotWork) {
  EXPECT_NE(problem("[[class]]\nname = \"a\"\nmask = [0, 0, 0]\n").find("here is 1"),
            std::string::npos);
  EXPECT_NE(problem("").find("here are 0"), std::string::npos);
  std::string many;
  for (int i = 0; i < 256; ++i)
    many += fmt::format("[[class]]\nname = \"c{0}\"\nmask = [0, 0, {0}]\n", i);
  EXPECT_NE(problem(many).find("2 to 255 classes"), std::string::npos) << problem(many);
  const std::string first = "[[class]]\nname = \"a\"\nmask = [0, 0, 0]\n";
  EXPECT_NE(problem(first + "[[class]]\nname = \"b\"\n").find("b has no colour"),
            std::string::npos);
  EXPECT_NE(problem(first + first).find("a is there twice"), std::string::npos);
  const std::string b = "[[class]]\nname = \"b\"\nmask = [1, 1, 1]\n";
  const std::string c = "[[class]]\nname = \"c\"\nmask = [1, 1, 1]\n";
  EXPECT_NE(problem(first + b + c).find("b and c have the same colour (1, 1, 1)"),
            std::string::npos);
  EXPECT_NE(problem(first + b + "[[ignore]]\nmask = [1, 1, 1]\n").find("that of the class b"),
            std::string::npos);
  const auto expect = [&](const std::string& text, const std::string& words) {
    EXPECT_NE(problem(text).find(words), std::string::npos) << problem(text);
  };
  const std::string index = "masks = \"index\"\n";
  expect(index + "ignore_index = 1\n" + first + b, "number of the class b");
  expect(index + "ignore_index = 0\n" + first + b + c, "reduce_zero_label = true");
  expect("reduce_zero_label = true\n" + first + b, "are for masks = \"index\"");
  expect(index + "reduce_zero_label = true\n" + first + "value = 1\n" + b, "leave out their value");
  expect(index + first + b + "value = 1\n" + c, "the class a has no value");
  expect(index + first + "value = 1\n" + b + "value = 1\n", "a and b have the same value 1");
  expect(index + first + b + c + "[[ignore]]\nvalue = 2\n", "that of the class c");
  expect(first + b + "[[ignore]]\nvalue = 2\n", "is for masks = \"index\"");
  const std::string white = "[[class]]\nname = \"w\"\nmask = [255, 255, 255]\n";
  expect(white + "[[class]]\nname = \"v\"\nmask = [255, 255, 255]\n", "w and v have the same");
  EXPECT_NE(problem(first + "[[class]]\nnme = \"b\"\n").find("a.toml:5: nme"), std::string::npos)
      << problem(first + "[[class]]\nnme = \"b\"\n");
  EXPECT_NE(problem("class = 3\n").find("list of sections"), std::string::npos);
  EXPECT_NE(problem(first + "[[class]]\nname = \"b\"\nmask = [0, 0, 256]\n").find("not allowed"),
            std::string::npos);
  EXPECT_NE(problem(first + "[[class]]\nname = \"b\"\nmask = [0, 0, 1.5]\n").find("whole"),
            std::string::npos);
}

TEST(Labels, ShippedConfigurationsLoad) {
  const std::filesystem::path configs = test::source_folder() / "configs/tasks";
  const auto voc = load_labels((configs / "segment_voc.toml").string());
  EXPECT_EQ(voc.count(), 21);
  EXPECT_EQ(voc.palette()[20], (Rgb{0, 64, 128}));
  EXPECT_EQ(load_labels((configs / "segment_person.toml").string()).count(), 2);
  EXPECT_EQ(load_labels((configs / "segment_camvid.toml").string()).count(), 11);
  EXPECT_EQ(load_labels((configs / "segment_cityscapes.toml").string()).count(), 19);
}

TEST(Labels, ResizeTakesTheNearestPixel) {
  const IndexImage map{2, 2, {1, 2, 3, 4}};
  EXPECT_EQ(resize_labels(map, {4, 2}).index, (std::vector<std::uint8_t>{1, 2, 1, 2, 3, 4, 3, 4}));
  EXPECT_EQ(resize_labels({1, 5, {1, 2, 3, 4, 5}}, {1, 2}).index,
            (std::vector<std::uint8_t>{2, 4}));
}

TEST(IndexPng, IsReadAsWritten) {
  const TemporaryFolder folder;
  const auto path = (folder.path() / "map.png").string();
  write_index_png({2, 2, {0, 1, 2, 1}}, {{0, 0, 0}, {255, 0, 0}, {0, 0, 255}}, path);
  const auto bytes = read_bytes(path);
  EXPECT_EQ(decode_index_png(bytes).index, (std::vector<std::uint8_t>{0, 1, 2, 1}));
  EXPECT_EQ(decode_image(bytes).rgb, (Bytes{0, 0, 0, 255, 0, 0, 0, 0, 255, 255, 0, 0}));
  auto cut = bytes;
  cut.resize(cut.size() / 2);
  EXPECT_NE(message_of([&] { decode_index_png(cut); }).find("damaged"), std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
