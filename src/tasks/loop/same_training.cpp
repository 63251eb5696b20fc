#include "same_training.hpp"

#include <filesystem>

#include "ijepa/comm/agree.hpp"

namespace ijepa {
namespace {

constexpr const char* holds_none = "{} holds no {}: give a folder that {}.";

}  // namespace

void require_same_training(const CheckpointMeta& meta, const TrainingIdentity& mine,
                           const std::string& folder, const std::string& option) {
  for (const auto& [key, text] : mine) {
    const auto stored = meta.text.find(key);
    check(stored != meta.text.end() && stored->second == text,
          "The folder {} holds a training with other {}: choose another by {}.", folder,
          key == "images" ? "images" : "settings", option);
  }
}

std::optional<TrainingCheckpoint> newest_of_training(const std::string& folder,
                                                     const TrainingIdentity& mine,
                                                     const std::string& option, Communicator& comm,
                                                     const Log& log) {
  const auto newest = CheckpointStore(folder, {}).newest_valid(comm, log);
  if (!newest) return {};
  TrainingCheckpoint found{*newest, load_checkpoint_meta(comm, *newest)};
  on_all_ranks(comm, [&] { require_same_training(found.meta, mine, folder, option); });
  return found;
}

std::string find_trained(const TrainedKind& kind, const std::string& folder, Communicator& comm,
                         const Log& log) {
  bool whole = false;
  on_rank_0(comm, [&] {
    check(std::filesystem::exists(folder), "There is no {} at {}.", kind.what, folder);
    whole = std::filesystem::exists(folder + "/manifest.json");
  });
  if (comm.all_reduce(whole ? 1.0 : 0.0, Reduction::max) != 0) return folder;
  const auto newest = CheckpointStore(folder, {}).newest_valid(comm, log);
  on_rank_0(comm, [&] { check(newest.has_value(), holds_none, folder, kind.what, kind.made); });
  return *newest;
}

std::string text_of_trained(const TrainedKind& kind, const std::string& checkpoint,
                            Communicator& comm) {
  const auto meta = load_checkpoint_meta(comm, checkpoint);
  const auto text = meta.text.find(kind.key);
  on_rank_0(comm,
            [&] { check(text != meta.text.end(), holds_none, checkpoint, kind.what, kind.made); });
  return text->second;
}

}  // namespace ijepa
