// Probes on several ranks, each with a share of the features, say what one rank says.
#include <filesystem>

#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/tasks/probing/knn.hpp"
#include "ijepa/tasks/probing/linear_probe.hpp"
#include "ijepa/tasks/probing/online_evaluation.hpp"
#include "ijepa/tasks/probing/probe_images.hpp"
#include "ijepa/train/fit/trainer.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"
#include "tests/tasks/tiny_encoder.hpp"

namespace ijepa::test {
namespace {

/// This rank's rows, of parts of three that go round.
LabelledFeatures share_of(const LabelledFeatures& set) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < set.features.rows; ++i)
    if (i / 3 % ranks().size() == ranks().rank()) rows.push_back(i);
  return gather(set, rows);
}

TEST(Probe, NeighboursAreThoseOfOneRank) {
  IJEPA_RANKS(1, 2, 4);
  const auto train = clusters(301, 7, 5, 2.5, 0), test = clusters(98, 7, 5, 2.5, 1);
  const KnnOptions options{{1, 20, 150}};  // the last: more than a rank of four has
  const auto alone = knn_accuracy(train, test, options, *local_communicator());
  const auto together = knn_accuracy(share_of(train), share_of(test), options, ranks());
  for (std::size_t i = 0; i < alone.size(); ++i) {
    EXPECT_EQ(together[i].top1, alone[i].top1) << options.k[i];
    EXPECT_EQ(together[i].top5, alone[i].top5) << options.k[i];
  }
}

TEST(Probe, HeadsAreThoseOfOneRank) {
  IJEPA_RANKS(1, 2, 4);
  const auto train = clusters(101, 6, 3, 1.5, 0), test = clusters(50, 6, 3, 1.5, 1);
  LinearProbeOptions options;
  options.epochs = 3;
  options.batch = 16;
  for (const auto optimizer : {HeadOptimizer::sgd, HeadOptimizer::lars}) {
    options.optimizer = optimizer;
    const auto run = [&](const LabelledFeatures& a, const LabelledFeatures& b, Communicator& comm) {
      const std::vector<LabelledFeatures> train_sets{a}, test_sets{b};
      return linear_probes({train_sets, test_sets, {2}}, options, comm)[0];
    };
    const auto alone = run(train, test, *local_communicator());
    const auto together = run(share_of(train), share_of(test), ranks());
    ASSERT_EQ(together.grid.size(), 32U);
    EXPECT_EQ(together.best, alone.best);
    EXPECT_NEAR(together.test.top1, alone.test.top1, 0.021);  // one image, where two logits tie
    for (std::size_t i = 0; i < alone.grid.size(); ++i) {
      EXPECT_NEAR(together.grid[i].test.loss, alone.grid[i].test.loss,
                  1e-4 * alone.grid[i].test.loss)
          << i;
      EXPECT_NEAR(together.grid[i].validation.loss, alone.grid[i].validation.loss,
                  1e-4 * alone.grid[i].validation.loss)
          << i;
    }
    EXPECT_EQ(together.confusion.images, alone.confusion.images);
  }
}

TEST(Probe, ABadRowOfOneRankIsToldToAll) {
  IJEPA_RANKS(2, 4);
  auto train = clusters(40, 4, 2, 1, 0);
  train.labels[4] = -1;  // of rank 1
  const auto test = clusters(20, 4, 2, 1, 1);
  EXPECT_THROW(knn_accuracy(share_of(train), share_of(test), {{3}}, ranks()), AgreedError);
}

TEST(Probe, AugmentedBatchesAreTheSamePictures) {
  IJEPA_RANKS(1, 2, 4);
  const TemporaryFolder folder;  // every rank writes and reads the same pictures
  write_pictures(folder.path(), {.images = 23});
  const auto shards = ShardSet::open(folder.path().string());
  FeatureMaps maps;
  maps.push_back(std::make_unique<HistogramFeatures>());
  const ImageChoice images{0, 1, 2, 3, 5, 6, 7, 9, 11, 13, 17, 19, 20, 22};
  const Split split(std::ssize(images), 2, 1);
  const ExtractOptions options{{32, 32}, 2, 1};
  const auto alone_comm = local_communicator();
  AugmentedBatches together(shards, images, split, maps, options, 5, 9, ranks());
  AugmentedBatches alone(shards, images, split, maps, options, 5, 9, *alone_comm);
  EXPECT_EQ(alone.steps_per_epoch(), 2);
  for (int step = 0; step < 4; ++step) {
    const auto& mine = together.next();
    const auto& all = alone.next();
    const auto begin = 5 * ranks().rank() / ranks().size();
    EXPECT_EQ(all.labels.size(), 5U);
    for (std::size_t i = 0; i < mine.labels.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      EXPECT_EQ(mine.labels[i], all.labels[static_cast<std::size_t>(begin) + i]);
      EXPECT_TRUE(std::ranges::equal(mine.features[0].row(row), all.features[0].row(begin + row)));
    }
  }
}

TEST(OnlineEvaluation, LeavesTheRunAsItIs) {
  IJEPA_RANKS(1, 2, 4);
  const TemporaryFolder own;  // rank 0's is everybody's
  const std::filesystem::path folder = ranks().broadcast_text(own.path().string(), 0);
  if (ranks().rank() == 0) {
    write_pictures(folder / "train", {.images = 70});
    write_pictures(folder / "test", {.images = 20, .split = synth::Split::test});
  }
  ranks().barrier();
  const auto train = [&](const std::string& name, bool evaluated, std::int64_t steps) {
    auto recipe = tiny_recipe((folder / "train").string(), (folder / name).string());
    recipe.optim.max_steps = steps;
    if (evaluated) {
      recipe.eval.test_shards = (folder / "test").string();
      recipe.eval.every_epochs = 1;
      recipe.eval.images = 50;
      recipe.eval.linear = true;
    }
    resolve(recipe);
    const StopSignal stop;
    Trainer(recipe, {}, ranks(), stop, Log(1), [](auto&... parts) {
      return std::make_unique<OnlineEvaluation>(parts...);
    }).run();
    ranks().barrier();
  };
  train("plain", false, 9);
  for (const int steps : {3, 4, 9}) train("evaluated", true, steps);  // interrupted, resumed
  if (ranks().rank() == 0) expect_same_run(folder / "plain", folder / "evaluated", "evaluated");
  ranks().barrier();
}

}  // namespace
}  // namespace ijepa::test
