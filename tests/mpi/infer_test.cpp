#include "ijepa/tasks/inference/infer.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/tiny_checkpoint.hpp"

namespace ijepa::test {
namespace {

std::string contents(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Parts made by all ranks together and by rank 0 alone; `damaged` is left out.
void expect_the_same_parts(std::optional<int> damaged) {
  const TemporaryFolder own;  // rank 0's is everybody's
  const auto folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) {
    write_tiny_checkpoint(folder + "/run");
    write_pictures(folder + "/shards", {.images = 600, .damaged = damaged.value_or(-1)});
  }
  ranks().barrier();
  InferSettings settings;
  settings.run = folder + "/run";
  settings.input = folder + "/shards";
  settings.part_images = 1;  // a batch: three parts
  settings.threads = 1;
  settings.skip_bad = damaged.has_value();
  settings.out = folder + "/together";
  const auto manifest = infer_features(settings, ranks(), Log(1));
  EXPECT_EQ(manifest.parts.size(), 3U);
  EXPECT_EQ(manifest.bad_images, damaged ? 1 : 0);
  if (ranks().rank() == 0) {
    settings.out = folder + "/alone";
    infer_features(settings, *local_communicator(), Log(1));
    for (const auto& part : manifest.parts)
      EXPECT_EQ(contents(folder + "/together/" + part), contents(folder + "/alone/" + part));
  }
  ranks().barrier();
}

TEST(Infer, PartsAreTheSameBytesOnAnyNumberOfRanks) {
  IJEPA_RANKS(1, 2, 4);
  expect_the_same_parts({});
}

TEST(Infer, ABadImageIsLeftOutAlikeOnAnyNumberOfRanks) {
  IJEPA_RANKS(1, 2, 4);
  expect_the_same_parts(500);
}

}  // namespace
}  // namespace ijepa::test
