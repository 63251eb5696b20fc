// The authors' archive and its conversion by transformers, imported: the encoders give the features
// that theirs give, and what we export again is what they wrote.
#include <gtest/gtest.h>

#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/weights/export.hpp"
#include "ijepa/train/weights/import.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/step_run.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

constexpr double tolerance = 1e-5;  // float32 features

ImportOptions import_options(const GoldenFile& golden, const fs::path& file,
                             const std::string& run) {
  ImportOptions options;
  options.file = file.string();
  options.run = run;
  options.heads = golden.integer("/", "heads");
  options.holds = "target";
  return options;
}

/// Features of the golden images by the encoder of a checkpoint.
std::vector<double> features(const GoldenFile& golden, const ImportOptions& options,
                             const std::string& checkpoint, Role role) {
  const auto file = open_weight_file(options.file);
  const auto recipe = recipe_of_weights(*file, options);
  const auto device = make_device({"cpu", 1});
  const IJepa model(recipe.model.encoder, recipe.model.predictor);
  ParamStore store(*device, model.layout(), Precision::float32(), StoreUse::inference);
  RunState state(*device, store, {role});
  load_checkpoint(
      *local_communicator(), checkpoint,
      {state.tensors().begin(),
       std::ranges::find_if(state.tensors(), [](const auto& t) { return t.group == "predictor"; })},
      Unused::ignore);
  state.upload(store);
  const auto shape = golden.shape("images");
  const auto pixels = golden.values("images");
  std::vector<float> narrow(pixels.begin(), pixels.end());
  const auto images =
      make_tensor(narrow.data(), DType::f32, {shape[0], shape[1], shape[2], shape[3]});
  Buffer memory(*device, std::size_t{64} << 20);
  Arena arena(memory.data(), memory.bytes());
  Pass pass{device->ops(), arena, store.precision(),
            role == Role::target ? store.target() : store.online()};
  return host_values(device->ops(), model.encoder().infer(pass, {images, {}}));
}

class CheckpointGolden : public ::testing::Test {
 protected:
  CheckpointGolden() : files_(golden_files("checkpoint")) {}

  const std::vector<fs::path> files_;
  const TemporaryFolder folder_;
};

TEST_F(CheckpointGolden, TheAuthorsArchiveGivesTheirFeatures) {
  if (files_.empty()) GTEST_SKIP() << "no golden file of kind checkpoint";
  for (const auto& path : files_) {
    const GoldenFile golden(path);
    auto archive = path;
    archive.replace_extension(".pth.tar");
    const auto options = import_options(golden, archive, folder_.path() / path.stem());
    const auto result = import_weights(options);
    EXPECT_EQ(result.report.unused.size() + result.report.missing.size(), 0U);
    EXPECT_EQ(result.groups.size(), 3U);
    EXPECT_LE(relative_error(features(golden, options, result.checkpoint, Role::target),
                             golden.values("target_features")),
              tolerance);
    EXPECT_LE(relative_error(features(golden, options, result.checkpoint, Role::weight),
                             golden.values("context_features")),
              tolerance);
  }
}

TEST_F(CheckpointGolden, TheirConversionGivesTheTargetEncoder) {
  if (files_.empty()) GTEST_SKIP() << "no golden file of kind checkpoint";
  for (const auto& path : files_) {
    const GoldenFile golden(path);
    auto weights = path;
    weights.replace_extension(".safetensors");
    auto options = import_options(golden, weights, folder_.path() / path.stem());
    options.heads = 0;  // config.json beside it says so
    const auto result = import_weights(options);
    EXPECT_EQ(result.groups, std::vector<std::string>{"target_encoder"});
    EXPECT_LE(relative_error(features(golden, options, result.checkpoint, Role::target),
                             golden.values("target_features")),
              tolerance);
  }
}

/// Equal names, types, shapes, numbers and plain values, whatever their order.
void expect_same_weights(const fs::path& theirs, const fs::path& ours) {
  const auto a = open_weight_file(theirs.string()), b = open_weight_file(ours.string());
  EXPECT_EQ(a->tensors().size(), b->tensors().size());
  for (const auto& tensor : a->tensors()) {
    const FileTensor* other = b->find(tensor.name);
    ASSERT_NE(other, nullptr) << tensor.name;
    EXPECT_EQ(describe(tensor), describe(*other)) << tensor.name;
    std::vector<std::byte> x(tensor.bytes()), y(other->bytes());
    a->read(tensor, x);
    b->read(*other, y);
    // Position tables are computed, here and there, in other orders of rounding.
    const bool positions = tensor.name.find("pos") != std::string::npos;
    EXPECT_TRUE(positions || x == y) << tensor.name;
  }
}

TEST_F(CheckpointGolden, ExportsHoldWhatWasImported) {
  if (files_.empty()) GTEST_SKIP() << "no golden file of kind checkpoint";
  for (const auto& path : files_) {
    const GoldenFile golden(path);
    auto archive = path, weights = path;
    archive.replace_extension(".pth.tar");
    weights.replace_extension(".safetensors");
    const auto run = folder_.path() / path.stem();
    const auto result = import_weights(import_options(golden, archive, run));
    const auto again = run / "again.pth.tar", encoder = run / "encoder";
    export_weights(
        {result.checkpoint, again, ExportFormat::authors, "target", golden.integer("/", "ipe")});
    export_weights({result.checkpoint, encoder, ExportFormat::hugging_face, "target", 0});
    expect_same_weights(archive, again);
    EXPECT_EQ(open_weight_file(archive)->scalars(), open_weight_file(again)->scalars());
    expect_same_weights(weights, encoder / "model.safetensors");
  }
}

}  // namespace
}  // namespace ijepa::test
