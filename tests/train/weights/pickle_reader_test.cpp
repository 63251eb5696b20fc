#include "src/train/weights/pickle_reader.hpp"

#include <gtest/gtest.h>

#include "src/train/weights/pickle_writer.hpp"
#include "tests/train/weights/pickles.hpp"

namespace ijepa::test {
namespace {

PickleTree read(const std::string& bytes) {
  return read_pickle({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "file");
}
std::string problem(const std::string& bytes) {
  return error_of([&] { read(bytes); });
}

TEST(PickleReader, ReadsWhatTheWriterWrites) {
  PickleWriter writer;
  writer.begin_dict();
  writer.text("numbers");
  writer.begin_list();
  for (const std::int64_t n : {0L, 255L, 256L, -1L, 1L << 40, -(1L << 40)}) writer.integer(n);
  writer.end_list();
  writer.text("real");
  writer.real(-0.15625);
  writer.text("weight");
  writer.tensor({"weight", Element::bf16, {2, 3}}, "7");
  writer.end_dict();
  const auto tree = read(writer.finish());
  const auto& items = std::get<PickleDict>(tree.root->v).items;
  ASSERT_EQ(items.size(), 3U);
  std::vector<std::int64_t> numbers;
  for (const auto* v : std::get<PickleList>(items[0].second->v).items)
    numbers.push_back(std::get<std::int64_t>(v->v));
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{0, 255, 256, -1, 1L << 40, -(1L << 40)}));
  EXPECT_EQ(std::get<double>(items[1].second->v), -0.15625);
  const auto& tensor = std::get<PickleTensor>(items[2].second->v);
  EXPECT_EQ(tensor.storage.key, "7");
  EXPECT_EQ(tensor.storage.numel, 6);
  EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(tensor.strides, (std::vector<std::int64_t>{3, 1}));
}

/// A module's dictionary carries attributes, which are passed over.
TEST(PickleReader, PassesOverAttributesOfDictionaries) {
  const auto tree = read(
      "\x80\x02"
      "ccollections\nOrderedDict\n)R}b.");
  EXPECT_TRUE(std::get<PickleDict>(tree.root->v).items.empty());
}

struct Hostile {
  const char* name;
  std::string bytes, expected;
};

TEST(PickleReader, RefusesEverythingElseByName) {
  const std::string p2 = "\x80\x02";
  const std::vector<Hostile> cases{
      {"a call of the system", p2 + "cos\nsystem\n(" + text("true") + "tR.", "os.system"},
      {"evaluation", p2 + "c__builtin__\neval\n.", "__builtin__.eval"},
      {"another torch function", p2 + "ctorch.hub\nload\n.", "torch.hub.load"},
      {"objects", p2 + "(ios\nsystem\n.", "INST"},
      {"new objects", p2 + ")\x81.", "NEWOBJ"},
      {"a newer protocol", "\x80\x04N.", "protocol 4"},
      {"an unknown opcode", p2 + "\xff.", "0xff"},
      {"a value that is not there", p2 + "0.", "opcode"},
      {"an empty stack", p2 + ".", "not there"},
      {"a mark that is not there", p2 + "t.", "mark"},
      {"a call across a mark", p2 + "N(\x85.", "not there"},
      {"a memory that was never kept", p2 + "hK.", "never kept"},
      {"a key without a value", p2 + "}(Nu.", "without a value"},
      {"a text longer than the file", p2 + "X\xff\xff\xff\x7f.", "cut short"},
      {"no end", p2 + "N", "cut short"},
      {"a storage that is none", p2 + "(NtQ.", "no storage"},
      {"a call of a value", p2 + "N)R.", "allowed function"},
      {"a huge whole number",
       p2 + "\x8a\x09"
            "123456789.",
       "9 bytes"},
  };
  for (const auto& c : cases) {
    const auto said = problem(c.bytes);
    EXPECT_NE(said.find(c.expected), std::string::npos) << c.name << ": " << said;
  }
}

}  // namespace
}  // namespace ijepa::test
