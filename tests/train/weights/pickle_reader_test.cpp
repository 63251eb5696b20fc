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

/// What torch.load(weights_only=True) reads beside plain tensors.
TEST(PickleReader, ReadsParametersAndValuesOfTorch) {
  const std::string plain = tensor("0", 2, 2),
                    untyped = "((" + text("storage") + "ctorch.storage\nUntypedStorage\n" +
                              text("1") + text("cpu") + "K\x04tQK" + std::string(1, '\0') +
                              "(K\x02t(K\x01t\x89N";
  const auto tree = read(
      dictionary(text("parameter") + "ctorch._utils\n_rebuild_parameter\n(" + plain +
                 "\x88"
                 "ccollections\nOrderedDict\n)RtR" +
                 text("kept") + "ctorch._utils\n_rebuild_parameter_with_state\n(" + plain +
                 "\x88N}tR" + text("subclass") +
                 "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_parameter\n" +
                 "ctorch.nn.parameter\nParameter\n(" + plain + "\x88Nt}tR" + text("typed") +
                 "ctorch._utils\n_rebuild_tensor_v3\n" + untyped + "ctorch\nfloat16\ntR" +
                 text("size") + "ctorch\nSize\n(K\x02K\x03t\x85R" + text("type") +
                 "ctorch\nfloat16\n" + text("device") + "ctorch\ndevice\n(" + text("cpu") + "tR" +
                 text("counter") + "ccollections\nCounter\n}\x85R"));
  const auto& items = std::get<PickleDict>(tree.root->v).items;
  ASSERT_EQ(items.size(), 8U);
  const auto value = [&](std::size_t i) -> const PickleValue& { return *items[i].second; };
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(std::get<PickleTensor>(value(i).v).element, Element::f32) << i;
  EXPECT_EQ(std::get<PickleTensor>(value(3).v).element, Element::f16);
  EXPECT_EQ(std::get<PickleTuple>(value(4).v).items.size(), 2U);
  EXPECT_EQ(std::get<PickleGlobal>(value(5).v).name, "torch.float16");
  EXPECT_EQ(std::get<PickleOpaque>(value(6).v).name, "torch.device");
  EXPECT_TRUE(std::get<PickleDict>(value(7).v).items.empty());
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
      {"a call of a type", p2 + "ctorch\nfloat16\n)R.", "torch.float16"},
      {"a tensor of a type that no weights have",
       p2 + "ctorch._utils\n_rebuild_tensor_v3\n((" + text("storage") +
           "ctorch.storage\nUntypedStorage\n" + text("1") + text("cpu") + "K\x04tQK" +
           std::string(1, '\0') + "(K\x02t(K\x01t\x89Nctorch\ncomplex64\ntR.",
       "torch.complex64"},
      {"a class of another program", p2 + "cargparse\nNamespace\n)\x81.", "argparse.Namespace"},
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
