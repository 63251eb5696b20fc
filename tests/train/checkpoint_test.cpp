#include "ijepa/train/checkpoint/checkpoint.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>

#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "tests/train/checkpoint_support.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class Checkpoint : public CheckpointTest {};

TEST_F(Checkpoint, LoadsWhatWasSaved) {
  TinyModel saved(3), loaded(0);
  save(saved, 1234);
  const auto folder = checkpoint_folder(run_dir(), 1234);
  EXPECT_EQ(fs::path(folder).filename(), "step_00001234");
  EXPECT_EQ(newest(), folder);
  const auto meta = load_checkpoint(*comm_, folder, loaded.tensors());
  EXPECT_EQ(meta.step, 1234);
  EXPECT_EQ(meta.text.at("cursor"), "{\"epoch\": 2}");
  EXPECT_EQ(load_checkpoint_meta(*comm_, folder).text, meta.text);
  EXPECT_EQ(saved, loaded);
}

TEST_F(Checkpoint, ReportsWhatItSaved) {
  TinyModel model(1);
  const auto saved = store().save(*comm_, {7, {}}, model.tensors());
  EXPECT_EQ(saved.folder, checkpoint_folder(run_dir(), 7));
  EXPECT_EQ(saved.bytes, 12U * 4 + 5 * 8 + 3 * 2 + 4);
  EXPECT_GT(saved.seconds, 0);
}

TEST_F(Checkpoint, AFreshRunHasNone) {
  EXPECT_TRUE(list_checkpoints(run_dir()).empty());
  EXPECT_EQ(newest(), std::nullopt);
}

TEST_F(Checkpoint, IsAnOrdinaryHdf5File) {
  TinyModel model(3);
  save(model, 1);
  const auto part = checkpoint_folder(run_dir(), 1) + "/part_00000.h5";
  const hid_t file = H5Fopen(part.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  ASSERT_GE(file, 0);
  const hid_t dataset = H5Dopen2(file, "encoder/blocks.0.weight", H5P_DEFAULT);
  std::vector<float> values(12);
  EXPECT_GE(H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), 0);
  EXPECT_EQ(values, model.weight);
  H5Dclose(dataset);
  H5Fclose(file);
}

TEST_F(Checkpoint, AnyOneCanReadATensorWithoutRanks) {
  TinyModel model(3);
  save(model, 1);
  const auto folder = checkpoint_folder(run_dir(), 1);
  const auto manifest = read_manifest(folder);
  verify_parts(folder, manifest);
  std::vector<double> moment(5);
  for (const auto& t : manifest.tensors) {
    if (t.group == "adam_m") {
      EXPECT_EQ(t.shape, std::vector<std::int64_t>{5});
      read_tensor(folder, manifest, t, std::as_writable_bytes(std::span(moment)));
    }
  }
  EXPECT_EQ(moment, model.moment);
}

TEST_F(Checkpoint, KeepsTheLastAndTheMilestones) {
  TinyModel model(1);
  const CheckpointStore store(run_dir(), {.keep_last = 2, .keep_every = 20});
  for (std::int64_t step = 5; step <= 45; step += 5)
    store.save(*comm_, {step, {}}, model.tensors());
  std::vector<std::int64_t> steps;
  for (const auto& folder : list_checkpoints(run_dir())) steps.push_back(checkpoint_step(folder));
  EXPECT_EQ(steps, (std::vector<std::int64_t>{45, 40, 20}));
}

TEST_F(Checkpoint, AStepSavedAgainIsReplaced) {
  TinyModel first(1), second(2), loaded(0);
  save(first, 5);
  save(second, 5);
  load_checkpoint(*comm_, newest().value(), loaded.tensors());
  EXPECT_EQ(loaded, second);
  EXPECT_EQ(entries(), std::vector<std::string>{"step_00000005"});
}

TEST_F(Checkpoint, OlderStepsDoNotRemoveNewerFolders) {
  TinyModel model(1);
  for (const std::int64_t step : {10, 20, 11, 12, 13}) save(model, step);
  EXPECT_EQ(entries(),
            (std::vector<std::string>{"step_00000012", "step_00000013", "step_00000020"}));
}

TEST_F(Checkpoint, RemovesWhatAKilledSaveLeft) {
  fs::create_directories(run_dir() + "/checkpoints/unfinished_step_00000003");
  TinyModel model(1);
  save(model, 4);
  EXPECT_EQ(entries(), std::vector<std::string>{"step_00000004"});
}

TEST_F(Checkpoint, StrictAboutNamesShapesAndTypes) {
  TinyModel model(1), other(2);
  save(model, 1);
  const auto folder = newest().value();
  auto missing = other.tensors();
  missing[0].name = "blocks.1.weight";
  EXPECT_EQ(error_of([&] { load_checkpoint(*comm_, folder, missing); }),
            "The checkpoint " + folder +
                " has no tensor encoder/blocks.1.weight: it is of another model.");
  auto shape = other.tensors();
  shape[0].shape = {4, 3};
  EXPECT_NE(error_of([&] {
              load_checkpoint(*comm_, folder, shape);
            }).find("is float32 (3, 4) in the checkpoint"),
            std::string::npos);
  auto fewer = other.tensors();
  fewer.pop_back();
  EXPECT_NE(error_of([&] { load_checkpoint(*comm_, folder, fewer); }).find("1 tensors"),
            std::string::npos);
  EXPECT_NO_THROW(load_checkpoint(*comm_, folder, fewer, Unused::ignore));
  EXPECT_EQ(other.weight, model.weight);
}

TEST_F(Checkpoint, RefusesTensorsThatCannotBeSaved) {
  TinyModel model(1);
  auto twice = model.tensors();
  twice.push_back(twice[0]);
  EXPECT_NE(error_of([&] {
              store().save(*comm_, {1, {}}, twice);
            }).find("twice"),
            std::string::npos);
  auto slash = model.tensors();
  slash[0].name = "a/b";
  EXPECT_THROW(store().save(*comm_, {1, {}}, slash), AgreedError);
  auto empty = model.tensors();
  empty[0].shape = {0, 4};
  EXPECT_THROW(store().save(*comm_, {1, {}}, empty), Error);
  EXPECT_THROW(store().save(*comm_, {1, {{"config", "\xff"}}}, model.tensors()), AgreedError);
  EXPECT_TRUE(entries().empty());
  EXPECT_THROW(CheckpointStore(run_dir(), {.keep_last = 0}), Error);
}

TEST_F(Checkpoint, ReadsTensorsThatLieInSeveralParts) {
  // The second part of a hand-made checkpoint holds the rest of the one tensor.
  const auto folder = checkpoint_folder(run_dir(), 9);
  const std::vector<float> all{1, 2, 3, 4, 5};
  write_two_part_checkpoint(folder, all, 2);
  const auto manifest = read_manifest(folder);
  verify_parts(folder, manifest);
  std::vector<float> read(5);
  read_tensor(folder, manifest, manifest.tensors.at(0), std::as_writable_bytes(std::span(read)));
  EXPECT_EQ(read, all);
}

TEST_F(Checkpoint, IsSaidToBeNoneByItsName) {
  EXPECT_EQ(error_of([&] { read_manifest(run_dir() + "/none"); }),
            "There is no checkpoint at " + run_dir() + "/none.");
  std::filesystem::create_directories(run_dir() + "/empty");
  EXPECT_EQ(
      error_of([&] { read_manifest(run_dir() + "/empty"); }),
      fmt::format("{0}/empty is no checkpoint: {0}/empty/manifest.json is missing.", run_dir()));
}

TEST_F(Checkpoint, RefusesANewerFormat) {
  TinyModel model(1);
  save(model, 1);
  const auto path = checkpoint_folder(run_dir(), 1) + "/manifest.json";
  auto text = contents(path);
  text.replace(text.find("\"version\": 1"), 12, "\"version\": 2");
  std::ofstream(path) << text;
  EXPECT_NE(error_of([&] {
              read_manifest(checkpoint_folder(run_dir(), 1));
            }).find("format version 2, and this program reads version 1"),
            std::string::npos);
}

TEST_F(Checkpoint, PiecesLieInsideTheirParts) {
  TinyModel model(1);
  save(model, 1);
  const auto good = read_manifest(checkpoint_folder(run_dir(), 1));
  const auto refused = [&](const std::function<void(TensorPiece&)>& change) {
    auto manifest = good;
    change(manifest.tensors.at(0).pieces.at(0));
    return error_of([&] { parse_manifest(manifest_text(manifest), "a"); });
  };
  const auto bytes = good.parts.at(0).bytes;
  for (const auto offset : {bytes, bytes - 1, ~std::uint64_t{0} - 3})
    EXPECT_NE(
        refused([&](auto& piece) { piece.file_offset = offset; }).find("reaches beyond its part"),
        std::string::npos)
        << offset;
  EXPECT_NE(refused([&](auto& piece) { piece.part = good.parts.size(); }), "no error");
  EXPECT_EQ(refused([](auto&) {}), "no error");
}

TEST_F(Checkpoint, AManifestHasAtMost256MiB) {
  TinyModel model(1);
  save(model, 1);
  const auto folder = checkpoint_folder(run_dir(), 1);
  std::filesystem::resize_file(folder + "/manifest.json", (std::uintmax_t{256} << 20) + 1);
  const auto said = error_of([&] { read_manifest(folder); });
  EXPECT_NE(said.find("of 268435457 bytes is no checkpoint's manifest"), std::string::npos) << said;
}

// Its own checksum is of what was parsed and written again, level by level.
TEST_F(Checkpoint, AManifestOfManyLevelsIsRefused) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  for (const char* key : {"extra", "version"}) {
    const auto text = fmt::format(
        R"({{"format": "ijepa-checkpoint", "checksum": "0123456789abcdef", "{}": {}}})", key, deep);
    EXPECT_NE(error_of([&] { parse_manifest(text, "a"); }).find("nests more than"),
              std::string::npos);
  }
}

TEST_F(Checkpoint, PositionsAreAsManyAsTheirText) {
  PretrainRecipe recipe;
  recipe.model.encoder = {.name = "custom",
                          .width = 65536,
                          .depth = 1,
                          .heads = 1,
                          .mlp_hidden = 4,
                          .patch = 16,
                          .image_height = 4096,
                          .image_width = 4096};
  recipe.data.shards = recipe.run.dir = "x";
  const CheckpointMeta meta{1, {{"config", recipe_text(recipe)}, {"positions", "00000000"}}};
  EXPECT_NE(error_of([&] { positions_of_checkpoint(meta, "a"); }).find("no table of 65536 x 65536"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
