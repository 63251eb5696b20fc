#include "data_tools/inspect.hpp"

#include <gmock/gmock.h>

#include "data_tools/inspect_checkpoint.hpp"
#include "data_tools/inspect_cli.hpp"
#include "ijepa/train/checkpoint.hpp"
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
  damage(0, 200);
  const ShardSet set = ShardSet::open(at("out"));
  write_contact_sheet(set, 5, 4, 16, at("sheet.png"));
  const Image sheet = decode_image(read_bytes(at("sheet.png")));
  EXPECT_EQ(sheet.width, 5 * 18 + 2);
  EXPECT_EQ(sheet.height, 4 * 18 + 2);
  EXPECT_EQ(sheet.rgb[0], 255) << "a white border";
  std::vector<std::uint8_t> encoded;
  set.read(0, encoded);
  const Image first = decode_image(encoded);  // 16 x 16: shown as it is
  for (int x = 0; x < 16; ++x)
    EXPECT_EQ(sheet.rgb[static_cast<std::size_t>((2 * sheet.width + 2 + x) * 3)],
              first.rgb[static_cast<std::size_t>(x * 3)]);
}

TEST_F(Inspect, ReadsACheckpointAndNoticesDamage) {
  const auto comm = local_communicator();
  std::vector<float> weight{1, 2, 3, 4, 5, 6};
  const CheckpointStore store(at("run"), {});
  const CheckpointMeta meta{12, {{"config", "seed = 7\n"}}};
  const auto saved = store.save(
      *comm, meta, {NamedTensor{"encoder", "blocks.0.weight", {2, 3}, DType::f32, weight.data()}});
  const CheckpointManifest manifest = read_manifest(saved.folder);
  const std::string text = describe_checkpoint(manifest, saved.folder);
  for (const char* part : {"step         12", "encoder: 1 tensors, 6 numbers", "seed = 7"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(tensor_lines(manifest), HasSubstr("encoder\tblocks.0.weight\tfloat32\t(2, 3)\t"));
  InspectOptions o;
  o.path = at("run");  // its newest checkpoint
  o.verify = true;
  EXPECT_EQ(inspect(o), 0);
  std::filesystem::resize_file(saved.folder + "/" + manifest.parts.at(0).file, 100);
  EXPECT_THROW(inspect(o), Error);
}

TEST_F(Inspect, RefusesWhatIsNoSet) {
  InspectOptions o;
  o.path = at("in");
  EXPECT_THROW(inspect(o), Error);
}

}  // namespace
}  // namespace ijepa::test
