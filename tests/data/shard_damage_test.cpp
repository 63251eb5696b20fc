// Hundreds of random truncations and bit flips: each shard then reads right, or fails with an Error
// or a checksum mismatch. Nothing crashes, hangs or gives wrong bytes, labels or keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "ijepa/core/error.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "tests/data/shard_fixture.hpp"

namespace ijepa::test {
namespace {

using ShardDamage = ShardFixture;
constexpr int images = 12;

enum class Outcome { intact, noticed, wrong };

Outcome outcome_of(const std::string& path, const auto& expected_image,
                   const std::vector<std::string>& class_names) {
  try {
    const ShardSet set = ShardSet::open(path);
    Outcome outcome = set.class_names() == class_names ? Outcome::intact : Outcome::wrong;
    if (set.size() != images) return Outcome::wrong;
    std::vector<std::uint8_t> encoded;
    for (int i = 0; i < images; ++i) {
      set.read_unchecked(i, encoded);
      if (!set.checksum_matches(i, encoded)) {
        outcome = std::max(outcome, Outcome::noticed);
        continue;
      }
      const TestImage expected = expected_image(0, i);
      if (encoded != expected.encoded || set.key(i) != expected.key ||
          set.label(i) != expected.label)
        return Outcome::wrong;
    }
    return outcome;
  } catch (const Error&) {
    return Outcome::noticed;
  }
}

void overwrite(const std::string& path, const std::string& bytes) {
  File file(path, File::Mode::create);
  file.write(0, bytes.data(), bytes.size());
}

TEST_F(ShardDamage, EveryTruncationIsNoticed) {
  const std::string path = write_shard(folder(), 0, 1, images);
  const std::string whole = read_text_file(path);
  Rng rng(1, Purpose::test);
  for (int trial = 0; trial < 300; ++trial) {
    const auto size = trial < 3 ? static_cast<std::size_t>(trial) : rng.below(whole.size());
    overwrite(path, whole.substr(0, size));
    ASSERT_EQ(outcome_of(path, test_image, class_names()), Outcome::noticed) << size;
  }
}

TEST_F(ShardDamage, NoBitFlipGivesWrongData) {
  const std::string path = write_shard(folder(), 0, 1, images);
  const std::string whole = read_text_file(path);
  int noticed = 0;
  const std::size_t head = 512 + 2500;
  for (int trial = 0; trial < 1500; ++trial) {
    Rng rng(2, Purpose::test, 0, static_cast<std::uint64_t>(trial));
    std::string damaged = whole;
    // A third in the header, where a library would parse it; some trials flip several bits.
    const std::size_t range = trial % 3 == 0 ? head : whole.size();
    for (int flip = 0; flip <= trial % 4; ++flip) {
      const auto at = rng.below(range);
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << rng.below(8)));
    }
    overwrite(path, damaged);
    const Outcome outcome = outcome_of(path, test_image, class_names());
    ASSERT_NE(outcome, Outcome::wrong) << trial;
    noticed += outcome == Outcome::noticed;
  }
  EXPECT_GT(noticed, 1300);
}

// Tables are not covered by the header's hash: whatever they say must stay inside the file.
TEST_F(ShardDamage, WildTablesAreNoticed) {
  const std::string path = write_shard(folder(), 0, 1, images);
  const std::string whole = read_text_file(path);
  const std::size_t tables = 512 + 16384;
  for (int trial = 0; trial < 200; ++trial) {
    Rng rng(3, Purpose::test, 0, static_cast<std::uint64_t>(trial));
    std::string damaged = whole;
    const auto begin = tables + rng.below(12 * 28);
    for (std::size_t i = begin; i < std::min(begin + 64, damaged.size()); ++i)
      damaged[i] = static_cast<char>(trial % 2 == 0 ? 0xFF : rng.below(256));
    overwrite(path, damaged);
    ASSERT_NE(outcome_of(path, test_image, class_names()), Outcome::wrong) << trial;
  }
}

}  // namespace
}  // namespace ijepa::test
