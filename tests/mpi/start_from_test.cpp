// New runs from the weights of other runs, on any number of ranks.
#include "ijepa/tasks/network/start_from.hpp"

#include <cstring>

#include "ijepa/comm/agree.hpp"
#include "ijepa/model/positions.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "ijepa/train/weights/export.hpp"
#include "tests/mpi/ranked_run.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

/// A run of four steps, whose encoders differ, and its exports.
class StartFrom : public RankedRun {
 protected:
  StartFrom() {
    train(recipe("old"), 4);
    on_rank_0(ranks(), [&] {
      export_weights({checkpoint_folder(path("old"), 4), path("x.pth.tar"), ExportFormat::authors,
                      "target", 4});
      export_weights(
          {checkpoint_folder(path("old"), 4), path("hf"), ExportFormat::hugging_face, "target", 4});
    });
  }
  std::string path(const std::string& name) const { return run_folder(name).string(); }

  /// Another recipe of the same model.
  PretrainRecipe other(const std::string& run) const {
    auto r = recipe(run);
    r.optim.lr = 5e-4;
    r.run.seed = 7;
    return r;
  }
  void start(PretrainRecipe recipe, const StartOptions& options, std::int64_t steps) const {
    recipe.optim.max_steps = steps;
    recipe.run.keep_last = 10;
    resolve(recipe);
    const auto weights = start_from(options, recipe, ranks(), Log(1));
    const StopSignal stop;
    Cluster cluster;
    cluster.local_rank = ranks().rank();
    ASSERT_EQ(Trainer(recipe, cluster, ranks(), stop, Log(1), {}, weights).run(),
              Outcome::finished);
    ranks().barrier();
  }
  std::string problem(const PretrainRecipe& recipe, const StartOptions& options) const {
    try {
      start(recipe, options, 1);
    } catch (const AgreedError& e) {
      return e.what();
    }
    return {};
  }
  using Tensors = std::map<std::string, std::vector<std::byte>>;
  static Tensors tensors(const std::string& checkpoint) {
    const auto manifest = read_manifest(checkpoint);
    Tensors all;
    for (const auto& t : manifest.tensors) {
      auto& bytes = all[t.group + "/" + t.name];
      bytes.resize(t.bytes());
      read_tensor(checkpoint, manifest, t, bytes);
    }
    return all;
  }
  /// Every tensor of a group is, bit for bit, that of another group of other weights.
  static void expect_same(const Tensors& a, const std::string& of_a, const Tensors& b,
                          const std::string& of_b) {
    std::size_t count = 0;
    for (const auto& [name, bytes] : a) {
      if (!name.starts_with(of_a + "/")) continue;
      ++count;
      EXPECT_EQ(bytes, b.at(of_b + name.substr(of_a.size()))) << name;
    }
    EXPECT_GT(count, 0U) << of_a;
  }
};

TEST_F(StartFrom, TheFirstCheckpointHoldsTheWeightsThatWereGiven) {
  const auto old = tensors(checkpoint_folder(path("old"), 4));
  for (const char* from : {"old", "x.pth.tar"}) {
    const auto run = std::string("of_") + from;
    start(other(run), {path(from)}, 1);
    const auto begun = tensors(checkpoint_folder(path(run), 0));
    for (const char* group : {"encoder", "predictor", "target_encoder"})
      expect_same(begun, group, old, group);
    for (const auto& [name, bytes] : begun)
      EXPECT_TRUE(name.find("_adam_") == std::string::npos ||
                  std::ranges::all_of(bytes, [](auto b) { return b == std::byte{0}; }))
          << name;
  }
}

TEST_F(StartFrom, PartsAndEncodersAreChosen) {
  const auto old = tensors(checkpoint_folder(path("old"), 4));
  start(other("parts"), {path("old"), StartParts::encoder, StartEncoder::target}, 1);
  auto begun = tensors(checkpoint_folder(path("parts"), 0));
  expect_same(begun, "encoder", old, "target_encoder");
  expect_same(begun, "target_encoder", old, "target_encoder");
  EXPECT_NE(begun.at("predictor/predictor_proj.weight"), old.at("predictor/predictor_proj.weight"));
  start(other("context"), {path("old"), StartParts::both, StartEncoder::context}, 1);
  begun = tensors(checkpoint_folder(path("context"), 0));
  expect_same(begun, "encoder", old, "encoder");
  expect_same(begun, "target_encoder", old, "encoder");
  // A folder of Hugging Face has one encoder, and both start from it.
  start(other("hf_run"), {path("hf")}, 1);
  begun = tensors(checkpoint_folder(path("hf_run"), 0));
  expect_same(begun, "encoder", old, "target_encoder");
  expect_same(begun, "target_encoder", old, "target_encoder");
  EXPECT_NE(problem(other("lacks"), {path("hf"), StartParts::both}).find("holds no predictor"),
            std::string::npos);
}

TEST_F(StartFrom, GoesOnWithoutTheWeightsAndWithTheSameCommand) {
  const StartOptions options{path("x.pth.tar")};
  start(other("straight"), options, 6);
  start(other("parts"), options, 2);
  EXPECT_NE(problem(other("parts"), {path("old")}).find("was started from"), std::string::npos);
  EXPECT_NE(problem(recipe("old"), options).find("was started from an untrained network"),
            std::string::npos);
  ranks().barrier();
  if (first()) fs::remove(path("x.pth.tar"));
  ranks().barrier();
  start(other("parts"), options, 4);
  start(other("parts"), {}, 6);
  if (first()) expect_same_run(path("straight"), path("parts"), "resumed");
}

TEST_F(StartFrom, AnotherImageSizeResizesThePositionTables) {
  auto r = other("larger");
  r.model.encoder.image_height = r.model.encoder.image_width = 32;
  start(r, {path("old")}, 2);
  start(r, {}, 4);  // goes on with the tables of its checkpoint
  for (const int step : {0, 4}) {
    const auto folder = checkpoint_folder(path("larger"), step);
    const auto found = positions_of_checkpoint(read_manifest(folder).meta, folder);
    const auto expected = resize_positions(stored_positions({6, 6}, 24), {6, 6}, 24, {8, 8});
    ASSERT_EQ(found.encoder.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(found.encoder[i], expected[i], 1e-6);
    EXPECT_EQ(found.predictor.size(), 64U * 16);
  }
}

TEST_F(StartFrom, RefusesWeightsOfAnotherModel) {
  auto r = other("refused");
  r.model.encoder.width = 32;
  r.model.predictor.depth = 2;
  EXPECT_NE(problem(r, {path("old"), StartParts::encoder})
                .find("its encoder has width 24 (the recipe: 32)"),
            std::string::npos);
  r.model.encoder.width = 24;
  const auto said = problem(r, {path("x.pth.tar")});
  EXPECT_NE(said.find("its predictor has depth 1 (the recipe: 2)"), std::string::npos) << said;
  EXPECT_NE(said.find("--init-parts encoder"), std::string::npos) << said;
  EXPECT_NE(problem(r, {path("nowhere")}).find("There are no weights"), std::string::npos);
  EXPECT_FALSE(fs::exists(path("refused")));
}

}  // namespace
}  // namespace ijepa::test
