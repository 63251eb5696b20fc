#include "data_tools/packing/spill.hpp"

#include <gtest/gtest.h>

#include "ijepa/core/error.hpp"
#include "ijepa/data/shards/shard_format.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

using namespace tools;

using Payload = std::vector<std::uint8_t>;

SpillRecord record_of(std::uint64_t entry, const Payload& payload) {
  SpillRecord r;
  r.entry = entry;
  r.position = 100 - entry;
  r.label = 0;
  r.key = "a/" + std::to_string(entry);
  r.checksum = image_checksum(payload, r.key, r.label);
  return r;
}

TEST(Spill, CutAnywhereKeepsTheWholeRecords) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "s").string();
  const std::vector<Payload> payloads{{1, 2, 3}, {}, Payload(9, 7)};
  std::vector<std::int64_t> ends;
  {
    Spill spill(path);
    for (std::size_t i = 0; i < payloads.size(); ++i) {
      spill.append(record_of(i * 2, payloads[i]), payloads[i]);
      ends.push_back(File(path, File::Mode::read).size());
    }
  }
  const std::string whole = read_text_file(path);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    {
      File file(path, File::Mode::create);
      file.write(0, whole.data(), cut);
    }
    const Spill spill(path);
    const auto records = spill.records();
    const auto complete = static_cast<std::size_t>(std::count_if(
        ends.begin(), ends.end(), [&](auto end) { return end <= std::int64_t(cut); }));
    ASSERT_EQ(records.size(), complete) << cut;
    ASSERT_EQ(spill.next_entry(), complete == 0 ? 0 : records.back().entry + 1) << cut;
    for (std::size_t i = 0; i < records.size(); ++i) {
      Payload payload;
      spill.read_payload(records[i], payload);
      ASSERT_EQ(payload, payloads[i]);
      ASSERT_EQ(records[i].key, record_of(i * 2, payload).key);
    }
  }
}

TEST(Spill, ADamagedImageIsNotPacked) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "s").string();
  const Payload payload(40, 9);
  { Spill(path).append(record_of(0, payload), payload); }
  {
    File file(path, File::Mode::update);
    file.write(file.size() - 5, "x", 1);
  }
  const auto build = [&] {
    build_shard(Spill(path), {0, 1, 1, {"a"}}, (folder.path() / "s.h5").string(),
                (folder.path() / "r").string(), [](std::int64_t) {});
  };
  EXPECT_THROW(build(), Error);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "s.h5"));
  EXPECT_FALSE(std::filesystem::exists(path)) << "the next run must fill it anew";
}

}  // namespace
}  // namespace ijepa::test
