#include <gtest/gtest.h>

#include "ijepa/core/error.hpp"
#include "src/train/checkpoint/checkpoint_disk.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

std::vector<std::byte> some_bytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / 4096);
  return bytes;
}

TEST(DirectFile, HoldsWhatWasAppendedWhateverTheSizes) {
  const TemporaryFolder folder;
  constexpr std::size_t block = std::size_t{4} << 20;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, block - 1, block, 2 * block + 17}) {
    const auto bytes = some_bytes(size);
    const std::string path = folder.path() / "file";
    DirectFile file(path);
    const auto cut = std::min<std::size_t>(size, 100'003);
    file.append(std::span(bytes).first(cut));
    file.append(std::span(bytes).subspan(cut));
    file.finish();
    const File written(path, File::Mode::read);
    std::vector<std::byte> read(static_cast<std::size_t>(written.size()));
    written.read(0, read.data(), read.size());
    EXPECT_TRUE(read == bytes) << size << " bytes";
  }
}

TEST(DirectFile, NamesAFullDisk) {
  DirectFile file("/dev/full");
  file.append(some_bytes(10));
  try {
    file.finish();
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()),
              "Cannot write /dev/full: No space left on device. Make room or raise the quota.");
  }
}

TEST(File, WritesThatCannotBypassTheCacheGoThroughIt) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "file";
  File file(path, File::Mode::create);
  file.bypass_cache();
  const auto bytes = some_bytes(1000);
  file.write(3, bytes.data() + 1, 990);
  std::vector<std::byte> read(990);
  File(path, File::Mode::read).read(3, read.data(), read.size());
  EXPECT_TRUE(std::equal(read.begin(), read.end(), bytes.begin() + 1));
}

}  // namespace
}  // namespace ijepa::test
