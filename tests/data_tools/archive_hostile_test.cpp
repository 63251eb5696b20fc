// Archives made to harm who reads them: headers that promise what does not come, and long names.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <cstring>

#include "data_tools/layout/label_twins.hpp"
#include "data_tools/packing/plan.hpp"
#include "data_tools/sources/archive_links.hpp"
#include "data_tools/sources/archive_source.hpp"
#include "tests/data_tools/pack_fixture.hpp"

namespace ijepa::test {
namespace {

using ::testing::HasSubstr;

/// A header of a tar whose size has 8 bytes of any value, as GNU tar writes large ones.
std::string tar_header(const std::string& name, std::int64_t size, char type = '0') {
  std::string header(512, '\0');
  header.replace(0, std::min<std::size_t>(name.size(), 100), name.substr(0, 100));
  header.replace(100, 7, "0000644");
  header[124] = '\x80';
  for (int i = 0; i < 8; ++i)
    header[static_cast<std::size_t>(135 - i)] = static_cast<char>(size >> (8 * i));
  header[156] = type;
  if (type == '2') header[157] = 'a';  // the beginning of the link
  header.replace(257, 7, "ustar  ");
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 7, fmt::format("{:06o}", sum) + '\0');
  return header;
}

/// GNU tar's long name of the member that follows, a slash at every second place.
std::string long_name(std::size_t bytes) {
  std::string name;
  while (name.size() < bytes) name += "a/";
  name[bytes - 1] = 'b';  // else it is a folder
  name.resize((bytes + 511) / 512 * 512, '\0');
  return tar_header("././@LongLink", static_cast<std::int64_t>(bytes), 'L') + name;
}

std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 511) / 512 * 512, '\0');
  return bytes;
}

std::string pax_record(const std::string& text) {
  std::size_t size = text.size() + 2;
  while (std::to_string(size).size() + text.size() + 2 > size) ++size;
  return fmt::format("{} {}\n", size, text);
}

/// GNU tar's sparse member (pax 1.0): so large, of which five bytes are there.
std::string sparse_member(const std::string& name, std::int64_t size) {
  const auto records = pax_record("GNU.sparse.major=1") + pax_record("GNU.sparse.minor=0") +
                       pax_record("GNU.sparse.name=" + name) +
                       pax_record(fmt::format("GNU.sparse.realsize={}", size));
  const auto map = padded("1\n0\n5\n");
  return tar_header("pax", std::ssize(records), 'x') + padded(records) +
         tar_header(name, std::ssize(map) + 5) + map + padded("bytes");
}

class ArchiveHostile : public PackFixture {
 protected:
  std::string tar(const std::string& bytes) const {
    write_file_atomically(at("in.tar"), bytes + std::string(1024, '\0'));
    return at("in.tar");
  }
};

TEST_F(ArchiveHostile, MemoryFollowsWhatComesOfAMember) {
  for (const auto size : {std::int64_t{1} << 62, std::int64_t{1} << 40, std::int64_t{200} << 20}) {
    ArchiveSource source(tar(tar_header("cat/1.jpg", size) + "few bytes"));
    SourceEntry entry;
    ASSERT_TRUE(source.next(entry));
    EXPECT_GT(entry.bytes, 0);
    EXPECT_THROW(source.fetch(), Error);
  }
}

TEST_F(ArchiveHostile, LongNamesAreAProblemOfTheirEntry) {
  const auto picture = small_jpeg(1);
  std::string bytes(picture.begin(), picture.end());
  const auto size = std::ssize(bytes);
  bytes.resize((bytes.size() + 511) / 512 * 512);
  const auto input = tar(long_name(1 << 19) + tar_header("x", size) + bytes +
                         tar_header("cat/1.jpg", size) + bytes);
  ArchiveSource source(input);
  SourceEntry entry;
  ASSERT_TRUE(source.next(entry));
  EXPECT_EQ(entry.problem, "its name is longer than 4096 bytes");
  EXPECT_LE(entry.path.size(), 4096U);
  ASSERT_TRUE(source.next(entry));
  EXPECT_EQ(entry.path, "cat/1.jpg");
}

// Two of them would be more than a whole number holds.
TEST_F(ArchiveHostile, SizesOfManyMembersHaveASum) {
  const auto picture = small_jpeg(1);
  std::string members;
  for (const char* name : {"cat/1.jpg", "cat/2.jpg", "cat/3.jpg"})
    members += sparse_member(name, std::int64_t{1} << 62);
  tar(members + tar_header("cat/4.jpg", std::ssize(picture)) +
      padded({picture.begin(), picture.end()}));
  ArchiveSource source(at("in.tar"));
  std::int64_t sum = 0;
  for (SourceEntry entry; source.next(entry);)
    ASSERT_FALSE(__builtin_add_overflow(sum, entry.bytes, &sum)) << entry.path;
  EXPECT_GT(sum, std::int64_t{3} << 30);
  PackOptions o = options("in.tar", "out");
  o.images_per_shard = 0;
  o.shard_bytes = std::int64_t{1} << 36;
  const auto summary = run(o);
  EXPECT_EQ(summary.rejected, 3);
  EXPECT_EQ(contents(at("out")).size(), 1U);
  EXPECT_THAT(read_text_file(summary.rejected_path), HasSubstr("larger than 256 MiB"));
}

// 100 linked folders of 100 linked folders: 10,100 names.
TEST_F(ArchiveHostile, LinksGiveAFileSoManyNames) {
  ArchiveLinks links;
  for (int i = 0; i < 100; ++i) {
    links.add(fmt::format("outer{}", i), "a");
    links.add(fmt::format("a/inner{}", i), "b");
  }
  links.resolve();
  const auto names = links.names_of("b/1.jpg");
  EXPECT_EQ(names.size(), 4095U);
  const auto dead = links.dead();
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_THAT(dead[0].path, ::testing::EndsWith("/1.jpg"));
  EXPECT_EQ(std::ranges::count(names, dead[0].path), 0);
  EXPECT_THAT(dead[0].problem, HasSubstr("more than 4096 names"));
}

TEST_F(ArchiveHostile, ManyPlainLinksToOneFileAreNoProblem) {
  ArchiveLinks links;
  for (int i = 0; i < 6000; ++i) links.add(fmt::format("a/{}.jpg", i), "b/1.jpg");
  links.resolve();
  EXPECT_EQ(links.names_of("b/1.jpg").size(), 6000U);
  EXPECT_TRUE(links.dead().empty());
}

/// Files of these names' ending and these texts, one after the other.
class Texts : public Source {
 public:
  Texts(std::string name, std::vector<std::string> texts)
      : name_(std::move(name)), texts_(std::move(texts)) {}
  bool next(SourceEntry& entry) override {
    if (next_ == texts_.size()) return false;
    entry = {fmt::format("{}.{}.cls", name_, next_), 0, false, false, "", ""};
    if (size_is_known) entry.bytes = std::ssize(texts_[next_]);
    ++next_;
    return true;
  }
  Payload fetch() override {
    fetched = next_;
    const auto& text = texts_[next_ - 1];
    return {{text.begin(), text.end()}, "", ""};
  }

  std::size_t fetched = 0;
  bool size_is_known = true;

 private:
  std::string name_;
  std::vector<std::string> texts_;
  std::size_t next_ = 0;
};

std::vector<std::string> names_in(std::vector<std::string> texts) {
  Texts source("x/1", std::move(texts));
  TwinClasses classes;
  for (SourceEntry entry; source.next(entry);) classes.add(entry, source);
  return classes.names();
}

TEST_F(ArchiveHostile, LabelsAreShortAndSoMany) {
  EXPECT_EQ(names_in({"cat", std::string(257, 'x'), std::string(256, 'y')}).size(), 2U);
  std::vector<std::string> texts;
  for (int i = 0; i < 100'000; ++i) texts.push_back(std::to_string(i));
  EXPECT_EQ(names_in(texts).size(), 100'000U);
  texts.emplace_back("one more");
  EXPECT_TRUE(names_in(texts).empty());
}

// As zips that were written to a pipe have them: without a size before the bytes.
TEST_F(ArchiveHostile, WhatIsHeldTogetherIsCountedByWhatCame) {
  auto owned =
      std::make_unique<Texts>("x/1", std::vector<std::string>(8, std::string(60 << 20, 'x')));
  Texts& texts = *owned;
  texts.size_is_known = false;
  TwinSource source(std::move(owned));
  SourceEntry entry;
  ASSERT_TRUE(source.next(entry));
  EXPECT_EQ(texts.fetched, 5U);
}

TEST_F(ArchiveHostile, ImagesOfUnknownSizeAreAsLargeAsWhatCame) {
  const auto picture = small_jpeg(1);
  const std::unique_ptr<archive, decltype(&archive_write_free)> out(archive_write_new(),
                                                                    archive_write_free);
  archive_write_set_format_zip(out.get());
  archive_write_add_filter_gzip(out.get());
  archive_write_open_filename(out.get(), at("in.zip.gz").c_str());
  for (const Bytes& bytes : {picture, Bytes(257 << 20)}) {
    const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                              archive_entry_free);
    archive_entry_set_pathname(entry.get(), fmt::format("cat/{}.jpg", bytes.size()).c_str());
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    ASSERT_EQ(archive_write_header(out.get(), entry.get()), ARCHIVE_OK);
    archive_write_data(out.get(), bytes.data(), bytes.size());
  }
  ASSERT_EQ(archive_write_close(out.get()), ARCHIVE_OK);
  const auto summary = run(options("in.zip.gz", "out"));
  EXPECT_EQ(contents(at("out")).size(), 1U);
  EXPECT_THAT(read_text_file(summary.rejected_path), HasSubstr("larger than 256 MiB"));
}

// Each folder on the way to a link's end is looked up: half a million of them, each time copied.
TEST_F(ArchiveHostile, LinksWithLongNamesLeadNowhere) {
  std::string target = long_name(1 << 19);
  target[156] = 'K';  // a long link
  auto header = tar_header("././@LongLink", 1 << 19, 'K');
  target.replace(0, 512, header);
  ArchiveSource source(tar(target + tar_header("cat/2.jpg", 0, '2')));
  SourceEntry entry;
  ASSERT_TRUE(source.next(entry));
  EXPECT_EQ(entry.path, "cat/2.jpg");
  EXPECT_THAT(entry.problem, HasSubstr("a link to what the archive does not hold"));
}

}  // namespace
}  // namespace ijepa::test
