#include "ijepa/tasks/infer.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

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

TEST(Infer, PartsAreTheSameBytesOnAnyNumberOfRanks) {
  IJEPA_RANKS(1, 2, 4);
  const TemporaryFolder own;  // rank 0's is everybody's
  const auto folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) {
    write_tiny_checkpoint(folder + "/run");
    write_pictures(folder + "/shards", {.images = 600});
  }
  ranks().barrier();
  InferSettings settings;
  settings.run = folder + "/run";
  settings.input = folder + "/shards";
  settings.part_images = 1;  // a batch: three parts
  settings.threads = 1;
  settings.out = folder + "/together";
  const auto manifest = infer_features(settings, ranks(), Log(1));
  EXPECT_EQ(manifest.parts.size(), 3U);
  if (ranks().rank() == 0) {
    settings.out = folder + "/alone";
    infer_features(settings, *local_communicator(), Log(1));
    for (const auto& part : manifest.parts)
      EXPECT_EQ(contents(folder + "/together/" + part), contents(folder + "/alone/" + part));
  }
  ranks().barrier();
}

}  // namespace
}  // namespace ijepa::test
