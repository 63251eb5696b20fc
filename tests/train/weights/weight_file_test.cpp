#include "ijepa/train/weights/weight_file.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "src/train/weights/pickle_writer.hpp"
#include "src/train/weights/safetensors.hpp"
#include "src/train/weights/torch_archive.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/train/weights/pickles.hpp"

namespace ijepa::test {
namespace {

class WeightFileTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  std::string problem(const std::string& name) const {
    return error_of([&] {
      const auto file = open_weight_file(path(name));
      for (const auto& tensor : file->tensors()) {
        std::vector<float> values(tensor.bytes() / size_of(tensor.element));
        read_as_float(*file, tensor, values);
      }
    });
  }
  void expect_refused(const std::string& name, const std::string& why) const {
    const auto said = problem(name);
    EXPECT_NE(said.find(why), std::string::npos) << name << ": " << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }
  std::string contents(const std::string& name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// A safetensors file of this header and as many zero bytes.
  void write_safe(const std::string& name, const std::string& header, std::size_t bytes) const {
    std::uint64_t size = header.size();
    std::string head(8, '\0');
    std::memcpy(head.data(), &size, 8);
    write(name, head + header + std::string(bytes, '\0'));
  }

 private:
  TemporaryFolder folder_;
};

/// Two tensors whose bytes count up.
std::vector<OutTensor> out_tensors() {
  const auto count_up = [](std::span<std::byte> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i);
  };
  return {{{"a", Element::f32, {3, 2}}, count_up}, {{"b", Element::bf16, {}}, count_up}};
}

void write_archive(const std::string& path, const std::vector<OutTensor>& tensors) {
  PickleWriter pickle;
  pickle.begin_dict();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    pickle.text(tensors[i].tensor.name);
    pickle.tensor(tensors[i].tensor, std::to_string(i));
  }
  pickle.text("epoch");
  pickle.integer(7);
  pickle.end_dict();
  write_torch_archive(path, pickle.finish(), tensors);
}

void expect_counting(const std::string& path) {
  const auto file = open_weight_file(path);
  ASSERT_EQ(file->tensors().size(), 2U);
  for (const auto& expected : out_tensors()) {
    const FileTensor* tensor = file->find(expected.tensor.name);
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(describe(*tensor), describe(expected.tensor));
    std::vector<std::byte> bytes(tensor->bytes()), wanted(tensor->bytes());
    file->read(*tensor, bytes);
    expected.fill(wanted);
    EXPECT_EQ(bytes, wanted);
  }
}

TEST_F(WeightFileTest, ReadsBackWhatWasWritten) {
  write_archive(path("x.pth.tar"), out_tensors());
  write_safetensors(path("x.safetensors"), out_tensors(), {{"encoder", "target"}});
  expect_counting(path("x.pth.tar"));
  expect_counting(path("x.safetensors"));
  EXPECT_EQ(open_weight_file(path("x.pth.tar"))->number("epoch", 0), 7);
}

TEST_F(WeightFileTest, AFailedWriteLeavesNothing) {
  auto tensors = out_tensors();
  tensors[1].fill = [](std::span<std::byte>) { fail("The source broke."); };
  EXPECT_EQ(error_of([&] { write_archive(path("x.pth.tar"), tensors); }), "The source broke.");
  EXPECT_EQ(error_of([&] { write_safetensors(path("x.safetensors"), tensors, {}); }),
            "The source broke.");
  const auto folder = std::filesystem::path(path("x")).parent_path();
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST_F(WeightFileTest, ConvertsHalves) {
  const std::vector<std::uint16_t> bits{0x3c00, 0xc500, 0x0001, 0x7c00};
  write_safetensors(
      path("half"),
      {{{"h", Element::f16, {4}},
        [&](std::span<std::byte> out) { std::memcpy(out.data(), bits.data(), out.size()); }}},
      {});
  const auto file = open_weight_file(path("half"));
  std::vector<float> values(4);
  read_as_float(*file, file->tensors()[0], values);
  EXPECT_EQ(values, (std::vector<float>{1.0F, -5.0F, std::ldexp(1.0F, -24), INFINITY}));
}

TEST_F(WeightFileTest, RefusesHostileArchives) {
  const std::string good = dictionary(text("a") + tensor("0", 2, 2)), eight(8, '\0');
  write_zip(path("other call"), {{"x/data.pkl",
                                  "\x80\x02"
                                  "cos\nsystem\n."},
                                 {"x/data/0", eight}});
  expect_refused("other call", "os.system");
  write_zip(path("bomb"), {{"x/data.pkl", good}, {"x/data/0", std::string(1 << 20, '\0')}},
            ZIP_CM_DEFLATE);
  expect_refused("bomb", "compressed");
  write_zip(path("no storage"), {{"x/data.pkl", good}});
  expect_refused("no storage", "no entry x/data/0");
  write_zip(path("short storage"), {{"x/data.pkl", good}, {"x/data/0", "1234"}});
  expect_refused("short storage", "has 4 bytes");
  write_zip(path("no pickle"), {{"x/data/0", eight}});
  expect_refused("no pickle", "no entry data.pkl");
  write_zip(path("two pickles"), {{"x/data.pkl", good}, {"y/data.pkl", good}});
  expect_refused("two pickles", "both");
  write_zip(path("big endian"),
            {{"x/data.pkl", good}, {"x/byteorder", "big"}, {"x/data/0", eight}});
  expect_refused("big endian", "byte order");
  write_zip(path("beyond"),
            {{"x/data.pkl", dictionary(text("a") + tensor("0", 2, 3))}, {"x/data/0", eight}});
  expect_refused("beyond", "beyond its storage");
  write_zip(path("repeated"), {{"x/data.pkl", dictionary(text("a") + view("0", 2, 0, {2}, {0}))},
                               {"x/data/0", eight}});
  expect_refused("repeated", "repeats it");
  write_zip(path("absurd"),
            {{"x/data.pkl", dictionary(text("a") + tensor("0", 200, 200))}, {"x/data/0", eight}});
  expect_refused("absurd", "more bytes than the file");
  write_zip(path("cycle"), {{"x/data.pkl", "\x80\x02}q\x01(" + text("a") + "h\x01u."}});
  expect_refused("cycle", "nests more");
}

/// Slices of one buffer and transposed tensors, as torch saves them.
TEST_F(WeightFileTest, ReadsViewsOfStorages) {
  const std::vector<float> numbers{0, 1, 2, 3, 4, 5, 6, 7};
  const std::string bytes(reinterpret_cast<const char*>(numbers.data()), 32);
  write_zip(path("views"),
            {{"x/data.pkl", dictionary(text("slice") + view("0", 8, 2, {3}, {1}) +  //
                                       text("turned") + view("0", 8, 1, {2, 3}, {1, 2}))},
             {"x/data/0", bytes}});
  const auto values = [&](const char* name) {
    const auto file = open_weight_file(path("views"));
    std::vector<float> out(file->find(name)->bytes() / sizeof(float));
    read_as_float(*file, *file->find(name), out);
    return out;
  };
  EXPECT_EQ(values("slice"), (std::vector<float>{2, 3, 4}));
  EXPECT_EQ(values("turned"), (std::vector<float>{1, 3, 5, 2, 4, 6}));
  auto changed = contents("views");
  changed[changed.find(bytes) + 30] = 'x';  // beyond the slice, but in its storage
  write("views", changed);
  expect_refused("views", "damaged");
}

/// torch.serialization.set_crc32_options(False)
TEST_F(WeightFileTest, ReadsArchivesWithoutChecksums) {
  write_archive(path("x"), out_tensors());
  const auto before = open_weight_file(path("x"))->fingerprint();
  auto bytes = contents("x");
  for (const auto& [signature, offset] : {std::pair{"PK\3\4", 14}, {"PK\1\2", 16}})
    for (auto at = bytes.find(signature); at != std::string::npos;
         at = bytes.find(signature, at + 1))
      bytes.replace(at + static_cast<std::size_t>(offset), 4, 4, '\0');
  write("x", bytes);
  expect_counting(path("x"));
  // Then the numbers themselves tell such files apart.
  const auto first = open_weight_file(path("x"))->fingerprint();
  EXPECT_NE(first, before);
  bytes[bytes.find(std::string("\0\1\2\3\4\5\6\7", 8))] = 'x';
  write("x", bytes);
  EXPECT_NE(open_weight_file(path("x"))->fingerprint(), first);
}

TEST_F(WeightFileTest, RefusesDamagedArchives) {
  write_archive(path("x"), out_tensors());
  const auto whole = contents("x");
  write("cut", whole.substr(0, whole.size() / 2));
  expect_refused("cut", "no whole torch archive");
  auto lying = whole;  // the place of the central directory
  lying[lying.size() - 6] = static_cast<char>(lying[lying.size() - 6] + 64);
  write("lying", lying);
  expect_refused("lying", "no whole torch archive");
  auto changed = whole;
  const auto numbers = whole.find(std::string("\0\1\2\3\4\5\6\7", 8));
  ASSERT_NE(numbers, std::string::npos);
  changed[numbers] = 'x';
  write("changed", changed);
  expect_refused("changed", "damaged");
}

TEST_F(WeightFileTest, RefusesHostileSafetensors) {
  const auto entry = [](const char* type, const char* shape, const char* offsets) {
    return fmt::format(R"({{"a":{{"dtype":"{}","shape":{},"data_offsets":{}}}}})", type, shape,
                       offsets);
  };
  write_safe("beyond", entry("F32", "[4]", "[0,16]"), 8);
  expect_refused("beyond", "damaged or cut short");
  write_safe("other size", entry("F32", "[4]", "[0,8]"), 64);
  expect_refused("other size", "damaged or cut short");
  write_safe("backwards", entry("F32", "[4]", "[16,0]"), 64);
  expect_refused("backwards", "damaged or cut short");
  write_safe("absurd", entry("F32", "[4611686018427387904,4]", "[0,16]"), 64);
  expect_refused("absurd", "impossible shape");
  write_safe("negative", entry("F32", "[-4]", "[0,16]"), 64);
  expect_refused("negative", "impossible shape");
  write_safe("unknown type", entry("F4", "[4]", "[0,16]"), 64);
  expect_refused("unknown type", "type F4");
  write_safe("whole numbers", entry("I32", "[4]", "[0,16]"), 64);
  expect_refused("whole numbers", "floating-point");
  write_safe("no json", "{\"a\":", 64);
  expect_refused("no json", "damaged");
  write_safe("no entry", R"({"a":3})", 64);
  expect_refused("no entry", "damaged");
  write("header", "\xff\xff\xff\xff\xff\xff\xff\x0f{}");
  expect_refused("header", "header");
}

TEST_F(WeightFileTest, RefusesOtherFiles) {
  write("text", "This is no file of weights.");
  expect_refused("text", "neither");
  write("tiny", "PK");
  expect_refused("tiny", "holds no weights");
  write("legacy", "\x80\x02\x8a\nl\xfc\x9c\x46\xf9");
  expect_refused("legacy", "before version 1.6");
  expect_refused("nothing", "missing");
}

}  // namespace
}  // namespace ijepa::test
