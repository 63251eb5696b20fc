#include "data_tools/inspection/inspect.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "data_tools/inspection/inspect_cli.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/checkpoint_marks.hpp"
#include "tests/data_tools/pack_fixture.hpp"

namespace ijepa::test {
namespace {

using ::testing::HasSubstr;

class Inspect : public PackFixture {
 protected:
  void SetUp() override {
    tree_ = class_tree({"cat", "dog"}, 10);
    write_folder(tree_, at("in"));
    run(options("in", "out"));
  }

  /// Changes one byte of the file of `shard`, `from_end` bytes before its end.
  void damage(int shard, std::int64_t from_end) {
    File file(ShardSet::open(at("out")).shard_path(shard), File::Mode::update);
    char byte = 0;
    file.read(file.size() - from_end, &byte, 1);
    byte = static_cast<char>(byte ^ 4);
    file.write(file.size() - from_end, &byte, 1);
  }

  InputTree tree_;
};

TEST_F(Inspect, SaysWhatIsThere) {
  const ShardSet set = ShardSet::open(at("out"));
  const std::string text = describe_set(set, "out");
  for (const char* part :
       {"images       20", "shards       2", "classes      2", "cat  10", "dog  10"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(describe_image(set, 3), HasSubstr(set.key(3)));
}

TEST_F(Inspect, VerifiesAndNamesTheDamagedImage) {
  InspectOptions o;
  o.path = at("out");
  o.verify = true;
  EXPECT_EQ(inspect(o), 0);
  damage(1, 3);
  EXPECT_EQ(inspect(o), 1);
  const ShardSet set = ShardSet::open(at("out"));
  const Damage found = verify_set(set, 2);
  EXPECT_EQ(found.images, 1);
  EXPECT_THAT(found.report, HasSubstr(set.key(19)));
  EXPECT_THAT(found.report, HasSubstr("shard_00001_of_00002.h5"));
}

TEST_F(Inspect, ExtractsTheOriginalBytes) {
  InspectOptions o;
  o.path = at("out");
  o.extract = 7;
  o.out = at("image.jpg");
  EXPECT_EQ(inspect(o), 0);
  EXPECT_EQ(read_bytes(o.out), tree_.at(ShardSet::open(o.path).key(7)));
  o.extract = 20;
  EXPECT_THROW(inspect(o), Error);
  damage(1, 3);
  o.extract = 19;
  EXPECT_THROW(inspect(o), Error);
}

TEST_F(Inspect, ContactSheetShowsImagesAndMarksDamage) {
  for (int byte = 1; byte < 2000; ++byte) damage(1, byte);  // of the last images, and their headers
  const ShardSet set = ShardSet::open(at("out"));
  write_contact_sheet(set, 5, 4, 16, at("sheet.png"));
  const Image sheet = decode_image(read_bytes(at("sheet.png")));
  const auto pixel = [&](int y, int x) {
    return &sheet.rgb[static_cast<std::size_t>((y * sheet.width + x) * 3)];
  };
  EXPECT_EQ(*pixel(0, 0), 255) << "a white border";
  std::vector<std::uint8_t> encoded;
  set.read(0, encoded);
  const Image first = decode_image(encoded);  // 16 x 16: shown as it is, below the title
  const auto shown_at = [&](int y) {
    for (int x = 0; x < 16; ++x)
      if (!std::equal(pixel(y, 4 + x), pixel(y, 4 + x) + 3,
                      &first.rgb[static_cast<std::size_t>(3 * x)]))
        return false;
    return true;
  };
  int top = 0;
  while (top < sheet.height && !shown_at(top)) ++top;
  ASSERT_LT(top, sheet.height);
  int red = 0;
  for (int y = 0; y < sheet.height; ++y)
    for (int x = 0; x < sheet.width; ++x) red += pixel(y, x)[0] == 255 && pixel(y, x)[1] == 0;
  int damaged = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    set.read_unchecked(i, encoded);
    try {
      decode_image(encoded);
    } catch (const Error&) {
      ++damaged;
    }
  }
  EXPECT_GT(damaged, 0);
  EXPECT_GE(red, damaged * 16 * 16);
}

class InspectCheckpoint : public PackFixture {
 protected:
  std::string save(std::int64_t step) {
    return CheckpointStore(at("run"), {.keep_last = 9})
        .save(*local_communicator(), {step, {{"config", "seed = 7\n"}}},
              {NamedTensor{"encoder", "blocks.0.weight", {2, 3}, DType::f32, weight_.data()}})
        .folder;
  }
  static int inspected(const std::string& path, bool verify) {
    InspectOptions o;
    o.path = path;
    o.verify = verify;
    return inspect(o);
  }

  std::vector<float> weight_{1, 2, 3, 4, 5, 6};
};

TEST_F(InspectCheckpoint, SaysWhatItHoldsAndNoticesDamage) {
  const std::string folder = save(12);
  const CheckpointManifest manifest = read_manifest(folder);
  const std::string text = describe_checkpoint(manifest, folder);
  for (const char* part : {"step         12", "encoder: 1 tensors, 6 numbers", "seed = 7"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(tensor_lines(manifest), HasSubstr("encoder\tblocks.0.weight\tfloat32\t(2, 3)\t"));
  EXPECT_EQ(inspected(folder, true), 0);
  std::filesystem::resize_file(folder + "/" + manifest.parts.at(0).file, 100);
  EXPECT_THROW(inspected(folder, true), Error);
}

TEST_F(InspectCheckpoint, ListsThoseOfARunWithTheirStateAndWhyTheyAreKept) {
  save(12);
  const std::string second = save(13);
  save(14);
  write_marks(at("run"), {.best = BestCheckpoint{14, "rankme", 85.25}, .healthy = 12});
  EXPECT_EQ(inspected(at("run"), true), 0);
  // A flipped bit is not seen in the sizes, but in the bytes.
  std::fstream part(second + "/part_00000.h5", std::ios::in | std::ios::out | std::ios::binary);
  part.seekp(-1, std::ios::end);
  part.put('x');
  part.close();
  EXPECT_EQ(describe_run(at("run"), false).damaged, 0);
  const RunCheckpoints run = describe_run(at("run"), true);
  EXPECT_EQ(run.damaged, 1);
  EXPECT_THAT(run.text, HasSubstr("verified  best rankme 85.25\n"));
  EXPECT_THAT(run.text, HasSubstr("verified  healthy\n"));
  EXPECT_THAT(run.text, HasSubstr("DAMAGED: " + second + "/part_00000.h5 was changed"));
  EXPECT_EQ(inspected(at("run"), true), 1);
}

TEST_F(Inspect, RefusesWhatIsNoSet) {
  InspectOptions o;
  o.path = at("in");
  EXPECT_THROW(inspect(o), Error);
}

}  // namespace
}  // namespace ijepa::test
