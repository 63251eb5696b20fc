// Archives made to harm who reads them: headers that promise what does not come, and long names.
#include <gmock/gmock.h>

#include <cstring>

#include "data_tools/archive_source.hpp"
#include "data_tools/plan.hpp"
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
