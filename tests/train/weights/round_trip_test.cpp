// Checkpoints out and in again, in every format.
#include "tests/support/golden.hpp"
#include "tests/train/weights/exported_run.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

using RoundTrip = ExportedRun;

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
  const auto hf = write("hf", ExportFormat::hugging_face);
  const auto timm = write("timm", ExportFormat::timm, "context");
  EXPECT_EQ(read(hf + "/model.safetensors", "from_hf").groups.front(), "target_encoder");
  EXPECT_EQ(read(timm + "/model.safetensors", "from_timm").groups.front(), "encoder");
  expect_equal("from_hf", encoder_tensors);
  expect_equal("from_timm", encoder_tensors);
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
  const std::string name = "layernorm.bias", other = "layernorm.bIas";
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
  EXPECT_NE(problem(o).find("fixed table of a grid of 6 x 6 patches, not of 3 x 12"),
            std::string::npos);
  o.image_width = 24;
  EXPECT_NE(error_of([&] { import_weights(o); }).find("is for 36 patches"), std::string::npos);
  o = options(file, "run");
  EXPECT_NE(error_of([&] { import_weights(o); }).find("already holds checkpoints"),
            std::string::npos);
  write_nested(path("plain"), {}, target());
  o = options(path("plain"), "again");
  o.heads = 0;
  EXPECT_NE(error_of([&] { import_weights(o); }).find("--heads"), std::string::npos);
  EXPECT_FALSE(fs::exists(path("again")));
}

/// What shapes do not tell is in every export, wherever its file is copied to.
TEST_F(RoundTrip, ExportsAreReadBackWithoutHelp) {
  const auto hf = write("hf", ExportFormat::hugging_face);
  fs::copy_file(hf + "/model.safetensors", path("alone.safetensors"));
  for (const auto& file : {write("x.pth.tar", ExportFormat::authors), path("alone.safetensors")}) {
    ImportOptions o;
    o.file = file;
    o.run = path("again");
    const auto result = import_weights(o);
    EXPECT_NE(result.model.find(" 2 heads"), std::string::npos) << result.model;
    EXPECT_EQ(result.pixels, "mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225") << file;
    EXPECT_TRUE(fs::exists(path("again/config.toml")));
    fs::remove_all(path("again"));
  }
  write_nested(path("plain"), {}, target());
  auto o = options(path("plain"), "again");
  o.holds = "target";
  EXPECT_NE(import_weights(o).pixels.find("nothing says"), std::string::npos);
  fs::remove_all(path("again"));
  o.mean = o.std = std::vector<double>{0.5, 0.5, 0.5};
  EXPECT_EQ(import_weights(o).pixels, "mean 0.5 0.5 0.5, deviation 0.5 0.5 0.5");
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
  fs::create_symlink(path("elsewhere"),
                     path("link"));  // what it names comes later, or is on a disk
  EXPECT_NE(
      problem({checkpoint_, path("link"), ExportFormat::timm, "target", 0}).find("exists already"),
      std::string::npos);
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_NE(problem({path("nowhere"), path("x"), ExportFormat::hdf5, "target", 0})
                .find("There is no checkpoint"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(path("x")));
}

}  // namespace
}  // namespace ijepa::test
