// Bad images, bad inputs, bad outputs: listed or refused with the reason, never lost or
// half-written.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>

#include "tests/data_tools/pack_fixture.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using PackFaults = PackFixture;

Bytes truncated(Bytes bytes) {
  bytes.resize(bytes.size() / 2);
  return bytes;
}

/// A PNG header that claims 60,000 x 60,000 pixels.
Bytes bomb() {
  Bytes png = encode_png(draw_picture(8, 8));
  for (const std::size_t at : {16U, 20U}) {
    png[at + 2] = 0xEA;
    png[at + 3] = 0x60;
  }
  return png;
}

TEST_F(PackFaults, BadImagesAreListedAndTheRestGoesOn) {
  InputTree tree = class_tree({"a", "b"}, 15);
  const InputTree good = tree;
  const Bytes text{'h', 'e', 'l', 'l', 'o', '\n'}, gif{'G', 'I', 'F', '8', '9', 'a', 0, 0, 0, 0};
  tree["a/bomb.png"] = bomb();
  tree["a/cut.jpg"] = truncated(small_jpeg(5, 64));
  tree["a/cut.png"] = truncated(encode_png(draw_picture(64, 64)));
  tree["a/empty.jpg"] = {};
  tree["b/animation.gif"] = gif;
  tree["b/comma, \"quoted\".txt"] = text;
  tree["stray.jpg"] = small_jpeg(6);
  write_folder(tree, at("in"));
  write_tar(tree, at("in.tar"));
  for (const std::string input : {"in", "in.tar"}) {
    const auto summary = run(options(input, "out_" + input));
    EXPECT_EQ(summary.rejected, 7);
    EXPECT_EQ(contents(at("out_" + input)), expected(good));
    const std::string listed = read_text_file(at("out_" + input + "/rejected.csv"));
    EXPECT_THAT(listed, HasSubstr("a/bomb.png,"));
    EXPECT_THAT(listed, HasSubstr("a/cut.jpg,"));
    EXPECT_THAT(listed, HasSubstr("a/cut.png,"));
    EXPECT_THAT(listed, HasSubstr("a/empty.jpg,0,an empty file\n"));
    EXPECT_THAT(listed, HasSubstr("b/animation.gif,10,The GIF "));
    EXPECT_THAT(listed, HasSubstr("\"b/comma, \"\"quoted\"\".txt\",6,text\n"));
    EXPECT_THAT(listed, HasSubstr("stray.jpg,"));
  }
  EXPECT_EQ(read_text_file(at("out_in/rejected.csv")),
            read_text_file(at("out_in.tar/rejected.csv")));
}

TEST_F(PackFaults, AnInnerTarThatIsDamagedIsListed) {
  InputTree tars = class_tars(class_tree({"a", "b", "c"}, 5), fs::path(at("")));
  tars["b.tar"].resize(tars["b.tar"].size() / 2 / 512 * 512 + 100);
  tars["c.tar"] = Bytes(2000, 'x');
  write_tar(tars, at("in.tar"));
  write_folder(tars, at("in"));
  for (const std::string input : {"in", "in.tar"}) {
    PackOptions o = options(input, "out_" + input);
    const auto summary = run(o);
    EXPECT_GE(summary.rejected, 2);
    EXPECT_THAT(read_text_file(summary.rejected_path), HasSubstr("b.tar,0,an archive damaged"));
    EXPECT_THAT(read_text_file(summary.rejected_path), HasSubstr("c.tar,"));
    const auto all = contents(o.out);
    EXPECT_TRUE(all.contains("a/104.jpg"));
    EXPECT_TRUE(all.contains("b/100.jpg"));
  }
}

TEST_F(PackFaults, InputsThatCannotBePackedAreRefused) {
  write_tar(class_tree({"a", "b"}, 9), at("cut.tar"));
  fs::resize_file(at("cut.tar"), fs::file_size(at("cut.tar")) / 2 / 512 * 512 + 200);
  write_tar(class_tree({"a", "b"}, 9), at("cut.tar.gz"));
  fs::resize_file(at("cut.tar.gz"), fs::file_size(at("cut.tar.gz")) / 2);
  write_bytes(at("noise.tar"), Bytes(5000, 'x'));
  write_bytes(at("empty.tar"), {});
  fs::create_directory(at("nothing"));
  fs::create_directories(at("folders/a/b"));
  write_folder({{"a/1.jpg", {'x'}}, {"b/2.txt", {'y'}}}, at("useless"));
  InputTree mixed = class_tree({"a"}, 2, "train/");
  mixed.merge(class_tree({"b"}, 2));
  write_folder(mixed, at("mixed"));
  const std::vector<std::pair<std::string, std::string>> cases{
      {"absent", "no input at"},
      {"cut.tar", "cut short after"},
      {"cut.tar.gz", "truncated gzip input"},
      {"noise.tar", "cannot be read as a tar"},
      {"empty.tar", "is an empty file"},
      {"nothing", "holds no files"},
      {"folders", "holds no files"},
      {"useless", "None of the 2 files"},
      {"mixed", "--subdir"}};
  for (const auto& [input, message] : cases) {
    EXPECT_THAT(message_of(options(input, "out_" + input)), HasSubstr(message)) << input;
    EXPECT_FALSE(fs::exists(at("out_" + input + "/manifest.json"))) << input;
  }
}

TEST_F(PackFaults, NothingElseIsOverwritten) {
  write_folder(class_tree({"a", "b"}, 9), at("in"));
  PackOptions o = options("in", "out");
  run(o);
  const auto before = files(at("out"));
  const auto again = run(o);
  EXPECT_TRUE(again.was_complete);
  EXPECT_EQ(files(at("out")), before);
  o.seed = 3;
  EXPECT_THAT(message_of(o), HasSubstr("seed (0 there, 3 now)"));
  EXPECT_EQ(files(at("out")), before);
  fs::remove(at("out/manifest.json"));
  EXPECT_THAT(message_of(o), HasSubstr("already holds shard_"));
  o = options("in", "in/out");
  EXPECT_THAT(message_of(o), HasSubstr("lies in the input"));
  // A name whose first part is not there yet, from within the input, as most people would call it.
  const auto before_entering = fs::current_path();
  fs::current_path(at("in"));
  o.input = ".";
  o.out = "new/shards";
  EXPECT_THAT(message_of(o), HasSubstr("lies in the input"));
  fs::current_path(before_entering);
  write_bytes(at("file"), {'x'});
  EXPECT_THAT(message_of(options("in", "file")), HasSubstr("is a file"));
}

TEST_F(PackFaults, AChangedInputIsNoticed) {
  write_folder(class_tree({"a", "b"}, 9), at("in"));
  const PackOptions o = options("in", "out");
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit little{3000, before.rlim_max};  // enough for the plan, not for the images
  ::setrlimit(RLIMIT_FSIZE, &little);
  const std::string message = message_of(o);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("Make room or raise the quota"));
  EXPECT_FALSE(fs::exists(at("out/shard_00000_of_00002.h5")));
  write_bytes(at("in/b/new.jpg"), small_jpeg(1));
  EXPECT_THAT(message_of(o), ::testing::AnyOf(HasSubstr("has changed"), HasSubstr("more files")));
  fs::remove(at("in/b/new.jpg"));
  EXPECT_EQ(run(o).sets[0].images, 18);
}

TEST_F(PackFaults, AfterAFullDiskTheSameCommandGoesOn) {
  write_folder(class_tree({"a", "b"}, 30), at("in"));
  run(options("in", "straight"));
  PackOptions o = options("in", "straight");
  fs::rename(at("straight"), at("kept"));
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  for (const rlim_t room : {3000U, 5000U, 9000U, 17200U}) {
    const rlimit little{room, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
    const std::string message = message_of(o);
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_THAT(message, ::testing::Not("")) << room;
    EXPECT_FALSE(fs::exists(o.out + "/manifest.json"));
  }
  run(o);
  EXPECT_EQ(files(o.out), files(at("kept")));
}

}  // namespace
}  // namespace ijepa::test
