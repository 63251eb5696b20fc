// Checkpoints out and in again, in every format.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/run_state.hpp"
#include "ijepa/train/weights/export.hpp"
#include "ijepa/train/weights/import.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"
#include "tests/train/weights/pickles.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class RoundTrip : public ::testing::Test {
 protected:
  /// A checkpoint of step 8 whose weights and moments are all different.
  RoundTrip() {
    auto recipe = tiny_recipe("shards", path("run"));
    resolve(recipe);
    recipe.compute.precision = DType::bf16;
    const auto device = make_device({"cpu", 1});
    const IJepa model(recipe.model.encoder, recipe.model.predictor);
    ParamStore store(*device, model.layout(), Precision::float32(), StoreUse::training);
    store.initialise(3);
    RunState state(*device, store, {Role::weight, Role::target, Role::adam_m, Role::adam_v});
    float value = 0;
    for (const auto& t : state.tensors())
      for (std::int64_t i = 0; i < StoredTensor{"", "", t.dtype, t.shape, {}}.numel(); ++i)
        static_cast<float*>(t.data)[i] = value += 1.0F / 1024;
    CheckpointStore(path("run"), {})
        .save(*local_communicator(), {8, {{"config", recipe_text(recipe)}}}, state.tensors());
    checkpoint_ = checkpoint_folder(path("run"), 8);
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string write(const std::string& name, ExportFormat format,
                    const std::string& encoder = "target") const {
    export_weights({checkpoint_, path(name), format, encoder, 4});
    return path(name);
  }
  ImportResult read(const std::string& file, const std::string& run) const {
    return import_weights(options(file, run));
  }
  ImportOptions options(const std::string& file, const std::string& run) const {
    ImportOptions o;
    o.file = file;
    o.run = path(run);
    o.heads = 2;
    return o;
  }
  /// The tensors of the imported run are those of the exported checkpoint, `count` of them.
  void expect_equal(const std::string& run, std::size_t count) const {
    const auto before = final_state(path("run")), after = final_state(path(run));
    EXPECT_EQ(after.tensors.size(), count);
    for (const auto& [name, bytes] : after.tensors)
      EXPECT_TRUE(before.tensors.contains(name) && before.tensors.at(name) == bytes) << name;
  }

  TemporaryFolder folder_;
  std::string checkpoint_;
};

TEST_F(RoundTrip, TheAuthorsArchiveHoldsEverything) {
  const auto file = write("x.pth.tar", ExportFormat::authors);
  const auto result = read(file, "again");
  expect_equal("again", final_state(path("run")).tensors.size());
  EXPECT_EQ(result.checkpoint, checkpoint_folder(path("again"), 8));
  const auto archive = open_weight_file(file);
  EXPECT_EQ(archive->number("epoch", 0), 2);
  EXPECT_EQ(archive->number("scaler/scale", 0), 65536);
  EXPECT_EQ(archive->number("scaler/growth_interval", 0), 2000);
  EXPECT_EQ(archive->number("opt/param_groups/2/weight_decay", -1), 0);
  // Out once more from what was imported, which has no bfloat16 run to go by.
  export_weights({result.checkpoint, path("y.pth.tar"), ExportFormat::authors, "target", 0});
  EXPECT_EQ(open_weight_file(path("y.pth.tar"))->scalars(), archive->scalars());
}

TEST_F(RoundTrip, OneEncoderUnderOtherNames) {
  const auto of_encoder = 4 + 2 * 12U;  // patch embedding, norm, two blocks
  const auto hf = write("hf", ExportFormat::hugging_face);
  const auto timm = write("timm", ExportFormat::timm, "context");
  EXPECT_EQ(read(hf + "/model.safetensors", "from_hf").groups.front(), "target_encoder");
  EXPECT_EQ(read(timm + "/model.safetensors", "from_timm").groups.front(), "encoder");
  expect_equal("from_hf", of_encoder);
  expect_equal("from_timm", of_encoder);
}

TEST_F(RoundTrip, OnePlainHdf5File) {
  const GoldenFile file(write("x.h5", ExportFormat::hdf5));
  const auto expected = final_state(path("run"));
  for (const auto& [name, bytes] : expected.tensors) {
    const auto values = file.values(name);
    std::vector<float> stored(bytes.size() / sizeof(float));
    std::memcpy(stored.data(), bytes.data(), bytes.size());
    EXPECT_TRUE(std::equal(values.begin(), values.end(), stored.begin(), stored.end())) << name;
  }
  EXPECT_TRUE(file.exists("meta/config"));
}

TEST_F(RoundTrip, MissingAndUnusedTensorsAreErrorsUnlessAllowed) {
  const auto file = write("hf", ExportFormat::hugging_face) + "/model.safetensors";
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::string name = "encoder.layer.1.output.dense.bias",
                    other = "encoder.layer.1.output.dense.bIas";
  bytes.replace(bytes.find(name), name.size(), other);
  std::ofstream(file, std::ios::binary) << bytes;
  auto o = options(file, "again");
  EXPECT_NE(error_of([&] { import_weights(o); }).find(name), std::string::npos);
  o.allow_missing = true;
  EXPECT_NE(error_of([&] { import_weights(o); }).find(other), std::string::npos);
  EXPECT_FALSE(fs::exists(path("again")));
  o.allow_unused = true;
  const auto report = import_weights(o).report;
  EXPECT_EQ(report.missing, std::vector<std::string>{name});
  EXPECT_EQ(report.unused, std::vector<std::string>{other});
}

TEST_F(RoundTrip, RefusesWhatDoesNotFit) {
  const auto file = write("hf", ExportFormat::hugging_face) + "/model.safetensors";
  auto o = options(file, "again");
  o.image_height = 12;
  o.image_width = 48;
  EXPECT_NE(error_of([&] { import_weights(o); }).find("fixed sine and cosine table"),
            std::string::npos);
  o.image_width = 24;
  EXPECT_NE(error_of([&] { import_weights(o); }).find("is for 36 patches"), std::string::npos);
  o = options(file, "run");
  EXPECT_NE(error_of([&] { import_weights(o); }).find("already holds checkpoints"),
            std::string::npos);
  o = options(write("x.pth.tar", ExportFormat::authors), "again");
  o.heads = 0;
  EXPECT_NE(error_of([&] { import_weights(o); }).find("--heads"), std::string::npos);
  EXPECT_FALSE(fs::exists(path("again")));
}

TEST_F(RoundTrip, ExportsRefuseWhatTheyCannotWrite) {
  const auto problem = [&](ExportOptions o) { return error_of([&] { export_weights(o); }); };
  const auto hf = write("hf", ExportFormat::hugging_face) + "/model.safetensors";
  const auto imported = read(hf, "imported").checkpoint;
  EXPECT_NE(
      problem({imported, path("x"), ExportFormat::authors, "target", 4}).find("holds no encoder"),
      std::string::npos);
  EXPECT_NE(
      problem({imported, path("x"), ExportFormat::timm, "context", 4}).find("no context encoder"),
      std::string::npos);
  EXPECT_NE(problem({checkpoint_, path("x"), ExportFormat::authors, "target", 0})
                .find("--steps-per-epoch"),
            std::string::npos);
  EXPECT_NE(
      problem({checkpoint_, path("hf"), ExportFormat::timm, "target", 0}).find("exists already"),
      std::string::npos);
  EXPECT_NE(problem({path("nowhere"), path("x"), ExportFormat::hdf5, "target", 0}).find("missing"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(path("x")));
}

}  // namespace
}  // namespace ijepa::test
