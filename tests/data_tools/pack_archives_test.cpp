// Members of archives that need a second look: links, names that come twice or lead out, zips.
#include <gmock/gmock.h>
#include <locale.h>

#include <thread>

#include "data_tools/packing/plan.hpp"
#include "data_tools/packing/shards_cli.hpp"
#include "tests/data_tools/pack_fixture.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Member {
  std::string name;
  Bytes bytes;
  std::string hard_link, symbolic_link;  // its target, "" for a file
};

Member file(const std::string& name, std::uint64_t seed) {
  return {name, small_jpeg(seed), "", ""};
}
Member hard(const std::string& name, const std::string& target) {
  return {name, {}, target, ""};
}
Member symbolic(const std::string& name, const std::string& target) {
  return {name, {}, "", target};
}

using Format = int (*)(archive*);

void write_members(const std::vector<Member>& members, const std::string& path,
                   Format format = archive_write_set_format_gnutar) {
  const std::unique_ptr<archive, decltype(&archive_write_free)> out(archive_write_new(),
                                                                    archive_write_free);
  ASSERT_EQ(format(out.get()), ARCHIVE_OK);
  ASSERT_EQ(archive_write_open_filename(out.get(), path.c_str()), ARCHIVE_OK);
  for (const auto& m : members) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), m.name.c_str());
    archive_entry_set_perm(entry.get(), 0644);
    archive_entry_set_filetype(entry.get(), m.symbolic_link.empty() ? AE_IFREG : AE_IFLNK);
    archive_entry_set_size(entry.get(), std::ssize(m.bytes));
    if (!m.hard_link.empty()) archive_entry_set_hardlink(entry.get(), m.hard_link.c_str());
    if (!m.symbolic_link.empty()) archive_entry_set_symlink(entry.get(), m.symbolic_link.c_str());
    ASSERT_EQ(archive_write_header(out.get(), entry.get()), ARCHIVE_OK) << m.name;
    archive_write_data(out.get(), m.bytes.data(), m.bytes.size());
  }
  ASSERT_EQ(archive_write_close(out.get()), ARCHIVE_OK);
}

class PackArchives : public PackFixture {
 protected:
  /// Packs the members and returns the content by key.
  std::map<std::string, Content> packed(const std::vector<Member>& members,
                                        const std::string& name = "in.tar",
                                        Format format = archive_write_set_format_gnutar) {
    write_members(members, at(name), format);
    fs::remove_all(at("out"));
    run(options(name, "out"));
    return contents(at("out"));
  }
  std::string rejected() const { return read_text_file(at("out/rejected.csv")); }
};

TEST_F(PackArchives, LinksAreTheImagesTheyName) {
  const auto all = packed({file("a/1.jpg", 1), file("a/2.jpg", 2), hard("b/1.jpg", "a/1.jpg"),
                           hard("b/2.jpg", "./a/2.jpg"), hard("b/3.jpg", "b/1.jpg"),
                           symbolic("c/4.jpg", "../a/1.jpg"), symbolic("d", "a"),
                           symbolic("c/5.jpg", "later.jpg"), file("c/later.jpg", 5)});
  ASSERT_EQ(all.size(), 10U) << rejected();
  EXPECT_EQ(all.at("b/1.jpg").bytes, small_jpeg(1));
  EXPECT_EQ(all.at("b/2.jpg").bytes, small_jpeg(2));
  EXPECT_EQ(all.at("b/3.jpg").bytes, small_jpeg(1)) << "a link to a link";
  EXPECT_EQ(all.at("c/4.jpg").bytes, small_jpeg(1));
  EXPECT_EQ(all.at("c/5.jpg").bytes, small_jpeg(5)) << "before what it names";
  EXPECT_EQ(all.at("d/2.jpg").bytes, small_jpeg(2)) << "a linked class";
  EXPECT_EQ(all.at("d/2.jpg").class_name, "d");
  EXPECT_EQ(rejected(), "path,bytes,reason\n");
}

TEST_F(PackArchives, ManyLinksToOneImageAndFoldersThatLinkToEachOther) {
  std::vector<Member> members{file("a/1.jpg", 1), file("b/2.jpg", 2), symbolic("a/l", "../b"),
                              symbolic("b/m", "../a")};
  for (int i = 0; i < 300; ++i) members.push_back(hard(fmt::format("c/{}.jpg", i), "a/1.jpg"));
  const auto all = packed(members);
  // a/1, a/l/2, a/l/m/1, b/2, b/m/1, b/m/l/2 and those of c: no link is gone through twice.
  EXPECT_EQ(all.size(), 306U);
  EXPECT_EQ(all.at("c/299.jpg").bytes, small_jpeg(1));
  EXPECT_EQ(all.at("a/l/m/1.jpg").class_name, "a");
}

TEST_F(PackArchives, LinksThatLeadNowhereAreListed) {
  const auto all =
      packed({file("a/1.jpg", 1), symbolic("a/gone.jpg", "none.jpg"),
              symbolic("a/self.jpg", "self.jpg"), symbolic("a/up", ".."),
              symbolic("a/out.jpg", "../../etc/passwd"), symbolic("a/abs.jpg", "/etc/passwd"),
              symbolic("b/x.jpg", "y.jpg"), symbolic("b/y.jpg", "x.jpg"), file("b/1.jpg", 2)});
  EXPECT_EQ(all.size(), 2U);
  EXPECT_EQ(rejected(),
            "path,bytes,reason\n"
            "a/abs.jpg,0,a link that leads out of the archive\n"
            "a/gone.jpg,0,a link to what the archive does not hold\n"
            "a/out.jpg,0,a link that leads out of the archive\n"
            "a/self.jpg,0,a link to itself or a folder above it\n"
            "a/up,0,a link to itself or a folder above it\n"
            "b/x.jpg,0,a link to itself or a folder above it\n"
            "b/y.jpg,0,a link to itself or a folder above it\n");
}

TEST_F(PackArchives, LinksWithinAClassTarStayInIt) {
  write_members({file("1.jpg", 1), hard("2.jpg", "1.jpg"), symbolic("3.jpg", "../dog/1.jpg")},
                at("cat.tar"));
  write_members({file("1.jpg", 7)}, at("dog.tar"));
  const auto all = packed({{"cat.tar", read_bytes(at("cat.tar")), "", ""},
                           {"dog.tar", read_bytes(at("dog.tar")), "", ""}});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.at("cat/2.jpg").bytes, small_jpeg(1));
  EXPECT_THAT(rejected(), HasSubstr("cat/3.jpg,0,a link that leads out"));
  fs::create_directory(at("folder"));
  for (const std::string tar : {"cat.tar", "dog.tar"}) fs::rename(at(tar), at("folder/" + tar));
  run(options("folder", "of_folder"));
  EXPECT_EQ(contents(at("of_folder")), all);
}

TEST_F(PackArchives, OfTwoMembersWithOneNameTheLastCounts) {
  auto all = packed({file("a/1.jpg", 1), file("a/2.jpg", 2), file("b/1.jpg", 3),
                     file("./a//1.jpg", 77), file("a/../b/1.jpg", 78)});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.at("a/1.jpg").bytes, small_jpeg(77));
  EXPECT_EQ(all.at("b/1.jpg").bytes, small_jpeg(78));
  EXPECT_THAT(rejected(),
              HasSubstr(",\"the input holds it again later, and the last one counts\"\n"));
  all = packed({file("a/1.jpg", 1), file("b/1.jpg", 2), hard("b/1.jpg", "a/1.jpg"),
                hard("a/2.jpg", "b/1.jpg"), file("a/2.jpg", 4)});
  EXPECT_EQ(all.at("b/1.jpg").bytes, small_jpeg(1)) << "a later link";
  EXPECT_EQ(all.at("a/2.jpg").bytes, small_jpeg(4)) << "a file after a link";
}

TEST_F(PackArchives, TarsJoinedByCatAreReadToTheLast) {
  const auto joined = [&](const std::string& name, const std::vector<std::string>& parts) {
    std::string all;
    for (const auto& part : parts) all += read_text_file(at(part));
    write_file_atomically(at(name), all);
  };
  write_members({file("a/1.jpg", 1), file("b/1.jpg", 2)}, at("first.tar"));
  write_members({file("a/2.jpg", 3), hard("b/2.jpg", "a/2.jpg")}, at("second.tar"));
  joined("joined.tar", {"first.tar", "second.tar"});
  run(options("joined.tar", "out"));
  const auto all = contents(at("out"));
  ASSERT_EQ(all.size(), 4U) << rejected();
  EXPECT_EQ(all.at("a/2.jpg").bytes, small_jpeg(3));
  EXPECT_EQ(all.at("b/2.jpg").bytes, small_jpeg(3));

  const auto text = read_text_file(at("joined.tar"));
  const auto inner =
      packed({{"c.tar", Bytes(text.begin(), text.end()), "", ""}, file("d/3.jpg", 4)});
  EXPECT_EQ(inner.size(), 5U) << "a tar within a tar\n" << rejected();
}

TEST_F(PackArchives, BytesBehindAnEndThatAreNoTarAreNoDamage) {
  write_members({file("a/1.jpg", 1), hard("b/1.jpg", "a/1.jpg")}, at("in.tar"));
  const auto tar = read_text_file(at("in.tar"));
  const auto end = tar.find_last_not_of('\0') / 512 * 512 + 3 * std::size_t{512};
  for (const std::string& behind :
       {std::string(4096, '#'), std::string("\n"), std::string(100, '\0')}) {
    write_file_atomically(at("in.tar"), tar.substr(0, end) + behind);
    fs::remove_all(at("out"));
    run(options("in.tar", "out"));
    EXPECT_EQ(contents(at("out")).size(), 2U) << behind.size() << rejected();
    EXPECT_THAT(rejected(), ::testing::Not(HasSubstr("in.tar")));
  }
  const auto inner = tar.substr(0, end) + std::string(512, '#');
  EXPECT_EQ(packed({{"c.tar", Bytes(inner.begin(), inner.end()), "", ""}}).size(), 2U);
  EXPECT_THAT(rejected(), HasSubstr("c.tar,0,an archive damaged in mid-file or followed by"))
      << "a tar within a tar cannot be read once more";
  write_file_atomically(at("in.tar"), tar + tar.substr(0, 700));
  EXPECT_THAT(message_of(options("in.tar", "cut")), HasSubstr("cut short"))
      << "a second tar that is cut within its first member";
}

TEST_F(PackArchives, RepeatedNamesAreTheSameForAnyRanksAndAfterAKill) {
  std::vector<Member> members;
  for (std::uint64_t i = 0; i < 30; ++i)
    members.push_back(file("a/" + std::to_string(i % 25) + ".jpg", i + 1));
  members.push_back(hard("b/1.jpg", "a/1.jpg"));
  packed(members);
  const auto right = files(at("out"));
  fs::rename(at("out"), at("straight"));
  PackOptions o = options("in.tar", "out");
  std::jthread other([&] { run(o, {1, 2}); });
  run(o, {0, 2});
  other.join();
  EXPECT_EQ(files(at("out")), right);
}

TEST_F(PackArchives, NamesThatLeadOutAreListedAndNeverKeys) {
  const auto all = packed({file("a/1.jpg", 1), file("b/1.jpg", 2), file("../up.jpg", 3),
                           file("a/../../../../SLIP.jpg", 4), file("/c/1.jpg", 5)});
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.at("c/1.jpg").class_name, "c") << "as tar unpacks it";
  EXPECT_THAT(rejected(), HasSubstr("../up.jpg,"));
  EXPECT_THAT(rejected(), HasSubstr("../../../SLIP.jpg,"));
  EXPECT_THAT(rejected(), HasSubstr(",leads out of the archive\n"));
}

TEST_F(PackArchives, AZipIsReadLikeAFolder) {
  std::vector<Member> members;
  InputTree tree;
  for (const std::string split : {"train/", "test/"})
    for (const std::string name : {"cat/1.jpg", "cat/2.jpg", "dog/1.jpg"}) {
      tree[split + name] = small_jpeg(tree.size() + 1);
      members.push_back({split + name, tree[split + name], "", ""});
    }
  for (const auto& [name, format] :
       {std::pair<std::string, Format>{"in.zip", archive_write_set_format_zip},
        {"in.7z", archive_write_set_format_7zip}}) {
    write_members(members, at(name), format);
    run(options(name, "out_" + name));
    write_folder(tree, at("in"));
    run(options("in", "right"));
    for (const std::string split : {"/train", "/test"})
      EXPECT_EQ(contents(at("out_" + name + split)), contents(at("right" + split)));
  }
}

// As Windows, 7-Zip and Python write them, whatever the locale of the one who reads.
TEST_F(PackArchives, NamesInTheLettersOfZipAnd7zAreReadInEveryLocale) {
  const std::vector<std::string> keys{"caf\xC3\xA9/1.jpg", "caf\xC3\xA9/2.jpg",
                                      "\xE7\x8C\xAB/\xE7\x99\xBD 1.jpg"};
  std::vector<Member> members;
  for (std::size_t i = 0; i < keys.size(); ++i) members.push_back(file(keys[i], i));
  const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  ASSERT_NE(utf8, nullptr);
  for (const auto& [name, format] :
       {std::pair<std::string, Format>{"in.zip", archive_write_set_format_zip},
        {"in.7z", archive_write_set_format_7zip},
        {"in.tar", archive_write_set_format_pax}}) {
    const locale_t before = ::uselocale(utf8);  // a writer in it says that names are UTF-8
    write_members(members, at(name), format);
    ::uselocale(before);
    EXPECT_EQ(run(options(name, "out_" + name)).rejected, 0) << name;
    const auto found = contents(at("out_" + name));
    ASSERT_EQ(found.size(), keys.size()) << name;
    for (std::size_t i = 0; i < keys.size(); ++i)
      EXPECT_EQ(found.at(keys[i]).bytes, small_jpeg(i)) << name << ": " << keys[i];
  }
  ::freelocale(utf8);
}

TEST_F(PackArchives, LongNamesAndPaxPaths) {
  const std::string deep = "a/" + std::string(120, 'x') + "/" + std::string(150, 'y') + "/1.jpg";
  for (const Format format : {archive_write_set_format_gnutar, archive_write_set_format_pax})
    EXPECT_EQ(packed({file(deep, 1), file("b/2.jpg", 2)}, "in.tar", format).at(deep).bytes,
              small_jpeg(1));
}

TEST_F(PackArchives, AnArchiveBesideItsUnpackedFolderIsLeftOut) {
  const InputTree tree = class_tree({"cat", "dog"}, 3);
  write_folder(tree, at("in"));
  write_members({file("100.jpg", 50)}, at("in/cat.tar"));
  fs::create_directory(at("in/owl"));
  write_members({file("100.jpg", 51)}, at("in/owl.tar"));
  write_members({file("cat/100.jpg", 52)}, at("in/all.zip"), archive_write_set_format_zip);
  run(options("in", "out"));
  auto right = expected(tree);
  right["owl/100.jpg"] = {"owl", small_jpeg(51)};
  EXPECT_EQ(contents(at("out")), right);
  EXPECT_THAT(rejected(), HasSubstr("cat.tar,0,an archive that lies unpacked beside it\n"));
  EXPECT_THAT(rejected(), HasSubstr("all.zip,"));
}

TEST_F(PackArchives, InputsOfAnotherKindAreCalledByTheirName) {
  const auto expect = [&](const std::string& name, const Bytes& bytes, const std::string& words) {
    write_bytes(at(name), bytes);
    EXPECT_THAT(message_of(options(name, "out_" + name)), HasSubstr(words));
    // And inside a folder, with the reason.
    InputTree tree = class_tree({"a", "b"}, 2);
    tree["a/" + name] = bytes;
    write_folder(tree, at("in_" + name));
    EXPECT_EQ(run(options("in_" + name, "packed_" + name)).sets[0].images, name == "1.jpg" ? 5 : 4);
  };
  Bytes parquet{'P', 'A', 'R', '1'};
  parquet.resize(500, '0');
  expect("x.parquet", parquet, "is a parquet file: export its images");
  EXPECT_THAT(read_text_file(at("packed_x.parquet/rejected.csv")),
              HasSubstr("a/x.parquet,500,a parquet file"));
  expect("1.jpg", small_jpeg(1), "is one image; a folder, tar or zip of images is expected");
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
  expect("x.tar.gz.lfs", {pointer.begin(), pointer.end()}, "git lfs pull");
}

TEST_F(PackArchives, LabelsOfAWebDatasetLieBesideTheImages) {
  const auto text = [](const std::string& name, const std::string& content) {
    return Member{name, {content.begin(), content.end()}, "", ""};
  };
  fs::create_directory(at("in"));
  std::map<std::string, Content> right;
  for (int tar = 0; tar < 3; ++tar) {
    std::vector<Member> members;
    for (int i = 4 * tar; i < 4 * tar + 4; ++i) {
      const std::string stem = fmt::format("{:08d}", i), label = i % 2 == 0 ? "2" : "10";
      const Member image = file(stem + ".jpg", static_cast<std::uint64_t>(i) + 1);
      const Member cls = text(stem + ".cls", label + "\n");
      if (tar == 0) members.push_back(cls);  // before and behind the image
      members.push_back(image);
      if (tar == 1) members.push_back(cls);
      members.push_back(text(stem + ".json", "{}"));
      right[fmt::format("x-{:03d}/{}.jpg", tar, stem)] = {tar == 2 ? "-" : label, image.bytes};
    }
    if (tar == 2) members.push_back(text("last.cls", "2"));  // of no image
    write_members(members, at(fmt::format("in/x-{:03d}.tar", tar)));
  }
  const auto summary = run(options("in", "out"));
  EXPECT_EQ(summary.class_names, (std::vector<std::string>{"2", "10"})) << "as numbers";
  EXPECT_EQ(contents(at("out")), right);
  EXPECT_THAT(rejected(), HasSubstr("x-000/00000000.cls,2,the label of an image\n"));
  for (const std::string tar : {"x-000", "x-001", "x-002"}) {
    fs::create_directories(at("unpacked/" + tar));
    ASSERT_EQ(
        std::system(
            fmt::format("tar xf {0}/{1}.tar -C {2}/{1}", at("in"), tar, at("unpacked")).c_str()),
        0);
  }
  run(options("unpacked", "of_folder"));
  EXPECT_EQ(contents(at("of_folder")), right);
  PackOptions o = options("in", "two");
  std::jthread other([&] { run(o, {1, 2}); });
  run(o, {0, 2});
  other.join();
  EXPECT_EQ(contents(at("two")), right);
}

TEST_F(PackArchives, OfSeveralLabelsEachGoesToItsWholeName) {
  const auto label = [](const std::string& name, char text) {
    return Member{name, {static_cast<std::uint8_t>(text)}, "", ""};
  };
  const auto found = packed({file("a.1.jpg", 1), label("a.1.cls", 'x'), file("a.2.jpg", 2),
                             label("a.2.cls", 'y'), file("a.2.left.jpg", 3), file("a.jpg", 4),
                             file("b.left.jpg", 5), file("b.right.jpg", 6), label("b.cls", 'y')});
  for (const auto& [key, name] : std::map<std::string, std::string>{{"a.1.jpg", "x"},
                                                                    {"a.2.jpg", "y"},
                                                                    {"a.2.left.jpg", "y"},
                                                                    {"a.jpg", "-"},
                                                                    {"b.left.jpg", "y"},
                                                                    {"b.right.jpg", "y"}})
    EXPECT_EQ(found.at(key).class_name, name) << key;
  const auto warnings = [&](const std::vector<Member>& members) {
    write_members(members, at("order.tar"));
    return Plan::count(options("order.tar", "order"), [](const SourceEntry&) {}).layout().warnings;
  };
  EXPECT_THAT(
      warnings({file("1.jpg", 1), file("2.jpg", 2), label("1.cls", 'x'), label("2.cls", 'y')}),
      ::testing::ElementsAre(HasSubstr("2 .cls files have no image of the same name")));
  EXPECT_THAT(
      warnings({label("1.cls", 'x'), file("1.jpg", 1), file("2.jpg", 2), label("2.cls", 'y')}),
      ::testing::IsEmpty());
}

TEST_F(PackArchives, HiddenFilesAreListedAndTheRestIsThere) {
  InputTree tree = class_tree({"a", "b"}, 4);
  const InputTree good = tree;
  tree["a/._100.jpg"] = {0, 5, 22, 7};
  tree["a/.ipynb_checkpoints/100.jpg"] = small_jpeg(1);
  tree["@eaDir/x/1.jpg"] = small_jpeg(2);
  tree["._b.tar"] = {0, 5, 22, 7};
  write_folder(tree, at("in"));
  write_tar(tree, at("in.tar"));
  for (const std::string input : {"in", "in.tar"}) {
    const auto summary = run(options(input, "out_" + input));
    EXPECT_EQ(summary.class_names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(summary.rejected, 4);
    EXPECT_THAT(summary_text(summary), HasSubstr("4 files were left out (4: a hidden name); "));
    EXPECT_EQ(contents(at("out_" + input)), expected(good));
    EXPECT_THAT(read_text_file(summary.rejected_path),
                ::testing::ContainsRegex("@eaDir/x/1.jpg,[0-9]+,a hidden name"));
  }
}

}  // namespace
}  // namespace ijepa::test
