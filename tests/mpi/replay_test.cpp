// A step that is not finite on one rank: all ranks repeat their parts, the one at fault is named
// and writes the replay, and the run goes on with the bits of one that repeats nothing.
#include "ijepa/train/fit/replay.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "tests/mpi/ranked_run.hpp"

namespace ijepa::test {
namespace {

class RankedReplay : public RankedRun {
 protected:
  RankedReplay() {
    if (first()) write_poisoned_shard(run_folder("poisoned"), poisoned_images);
    ranks().barrier();
  }
  PretrainRecipe poisoned(const std::string& run) const {
    PretrainRecipe r = tiny_recipe(run_folder("poisoned").string(), run_folder(run).string());
    poison(r);
    r.optim.micro_batch = 2;
    return r;
  }
  static std::vector<nlohmann::json> events(const std::string& run) {
    std::ifstream file(std::filesystem::path(run) / "events.jsonl");
    std::vector<nlohmann::json> found;
    for (std::string line; std::getline(file, line);) {
      auto event = nlohmann::json::parse(line);
      if (event.at("event") == "non_finite_explained") found.push_back(std::move(event));
    }
    return found;
  }
};

TEST_F(RankedReplay, NamesTheRankAndLeavesTheRunAsItIs) {
  constexpr int steps = 16;  // four epochs: the picture is another rank's in each
  for (const bool pooled : {false, true}) {
    const auto changed = [&](const std::string& run) {
      PretrainRecipe r = poisoned(run + (pooled ? "_pooled" : ""));
      if (pooled) r.loss = {1, 1, 0, 1, TargetScaling::centred};
      return r;
    };
    PretrainRecipe repeated = changed("repeated"), plain = changed("plain");
    plain.run.keep_replays = 0;
    repeated.run.keep_replays = 100;
    train(repeated, steps);
    train(plain, steps);
    if (!first()) continue;
    expect_same_run(plain.run.dir, repeated.run.dir, "repeated");
    const auto found = events(repeated.run.dir);
    ASSERT_EQ(found.size(), 4U);
    std::set<std::string> named;
    for (const auto& event : found) {
      const std::string said = event.at("explanation");
      EXPECT_NE(said.find("gather_patches: the result y, "), std::string::npos) << said;
      const auto at = said.find("of rank ");
      named.insert(said.substr(at, said.find(',', at) - at));
      const auto alone = local_communicator();
      EXPECT_EQ(replay(event.at("replay"), {}, {}, *alone, Log(1)).said, said);
    }
    if (ranks().size() > 1) {
      EXPECT_GT(named.size(), 1U) << *named.begin();
    }
  }
}

TEST_F(RankedReplay, IsOfOneRank) {
  IJEPA_RANKS(2, 4);
  std::string message;
  try {
    replay("anything", {}, {}, ranks(), Log(1));
  } catch (const AgreedError& e) {
    message = e.what();
  }
  EXPECT_EQ(message, "--replay repeats the part of one rank: start it without mpirun or srun.");
}

}  // namespace
}  // namespace ijepa::test
