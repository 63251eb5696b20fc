#include "same_training.hpp"

#include "ijepa/comm/agree.hpp"

namespace ijepa {

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

}  // namespace ijepa
