#include "ijepa/train/checkpoint.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "checkpoint_folder.hpp"
#include "checkpoint_manifest.hpp"
#include "ijepa/comm/agree.hpp"

namespace ijepa {
namespace {

/// Folders newer than the one just saved belong to a run that was taken up again from before them;
/// they do not count, and stay.
void remove_old(const std::string& run_dir, std::int64_t step, const CheckpointPolicy& policy) {
  const std::string newest = checkpoint_folder(run_dir, step);
  std::int64_t kept = 0;
  bool counting = false;
  for (const auto& folder : list_checkpoints(run_dir)) {
    counting = counting || folder == newest;
    if (!counting || ++kept <= policy.keep_last) continue;
    const bool milestone =
        policy.keep_every > 0 && checkpoint_step(folder) % policy.keep_every == 0;
    if (!milestone) retire_checkpoint(folder);
  }
}

using TensorKey = std::pair<std::string, std::string>;
using TensorIndex = std::map<TensorKey, const StoredTensor*>;

TensorIndex index_of(const CheckpointManifest& manifest) {
  TensorIndex index;
  for (const auto& t : manifest.tensors) index[{t.group, t.name}] = &t;
  return index;
}

std::string describe(DType type, const std::vector<std::int64_t>& shape) {
  return fmt::format("{} ({})", name_of(type), fmt::join(shape, ", "));
}

const StoredTensor& find(const TensorIndex& index, const NamedTensor& wanted,
                         const std::string& folder) {
  const auto it = index.find({wanted.group, wanted.name});
  check(it != index.end(), "The checkpoint {} has no tensor {}/{}: it is of another model.", folder,
        wanted.group, wanted.name);
  const StoredTensor& stored = *it->second;
  check(stored.dtype == wanted.dtype && stored.shape == wanted.shape,
        "{}/{} is {} in the checkpoint {}, but {} here: it is of another model.", wanted.group,
        wanted.name, describe(stored.dtype, stored.shape), folder,
        describe(wanted.dtype, wanted.shape));
  return stored;
}

CheckpointMeta read_all(const std::string& folder, const std::vector<NamedTensor>& tensors,
                        Unused unused) {
  const CheckpointManifest manifest = read_manifest(folder);
  TensorIndex index = index_of(manifest);
  std::vector<const StoredTensor*> stored;
  for (const auto& t : tensors) stored.push_back(&find(index, t, folder));
  for (const auto& t : tensors) index.erase({t.group, t.name});
  check(unused == Unused::ignore || index.empty(),
        "The checkpoint {} has {} tensors that this model lacks, {}/{} for one: it is of another "
        "model.",
        folder, index.size(), index.empty() ? "" : index.begin()->first.first,
        index.empty() ? "" : index.begin()->first.second);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    read_tensor(folder, manifest, *stored[i],
                {static_cast<std::byte*>(tensors[i].data), stored[i]->bytes()});
  }
  return manifest.meta;
}

/// A manifest without tensors is a compact form of the meta that every rank can read.
CheckpointMeta share_meta(Communicator& comm, const CheckpointMeta& meta) {
  const std::string mine = comm.rank() == 0 ? manifest_text({meta, {}, {}}) : "";
  return parse_manifest(comm.broadcast_text(mine, 0), "The meta data of rank 0").meta;
}

StoredTensor described(const NamedTensor& t) {
  return {t.group, t.name, t.dtype, t.shape, {}};
}

}  // namespace

CheckpointStore::CheckpointStore(std::string run_dir, const CheckpointPolicy& policy)
    : run_dir_(std::move(run_dir)), policy_(policy) {
  check(policy.keep_last >= 1 && policy.keep_every >= 0,
        "A run keeps at least its last checkpoint: keep_last = {} and keep_every = {} do not work.",
        policy.keep_last, policy.keep_every);
}

void save_weights(Communicator& comm, const std::string& folder, const CheckpointMeta& meta,
                  const std::vector<NamedTensor>& tensors) {
  std::vector<StoredTensor> stored;
  for (const auto& t : tensors) stored.push_back(described(t));
  const auto bytes = [&](std::size_t i) {
    return std::span(static_cast<const std::byte*>(tensors[i].data), stored[i].bytes());
  };
  on_rank_0(comm, [&] { write_checkpoint_folder(folder, meta, stored, bytes); });
}

SavedCheckpoint CheckpointStore::save(Communicator& comm, const CheckpointMeta& meta,
                                      const std::vector<NamedTensor>& tensors) const {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  SavedCheckpoint saved{checkpoint_folder(run_dir_, meta.step), 0, 0};
  for (const auto& t : tensors) saved.bytes += described(t).bytes();
  save_weights(comm, saved.folder, meta, tensors);
  on_rank_0(comm, [&] { remove_old(run_dir_, meta.step, policy_); });
  saved.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return saved;
}

std::optional<std::string> CheckpointStore::newest_valid(Communicator& comm, const Log& log) const {
  std::string found;
  on_rank_0(comm, [&] {
    const auto folders = list_checkpoints(run_dir_);
    for (const auto& folder : folders) {
      try {
        const auto manifest = read_manifest(folder);
        check(checkpoint_folder(run_dir_, manifest.meta.step) == folder,
              "Its manifest is of step {}.", manifest.meta.step);
        verify_parts(folder, manifest);
        found = folder;
        return;
      } catch (const std::exception& e) {
        log.warn("The checkpoint {} is broken and is skipped: {}", folder, e.what());
      }
    }
    check(folders.empty(),
          "All {} checkpoints in {} are broken. To begin again from nothing, move them away or "
          "choose "
          "another run folder.",
          folders.size(), run_dir_);
  });
  found = comm.broadcast_text(found, 0);
  return found.empty() ? std::nullopt : std::optional(found);
}

CheckpointMeta load_checkpoint(Communicator& comm, const std::string& folder,
                               const std::vector<NamedTensor>& tensors, Unused unused) {
  CheckpointMeta meta;
  on_rank_0(comm, [&] { meta = read_all(folder, tensors, unused); });
  for (const auto& t : tensors) {
    comm.broadcast({static_cast<std::byte*>(t.data), described(t).bytes()}, 0);
  }
  return share_meta(comm, meta);
}

CheckpointMeta load_checkpoint_meta(Communicator& comm, const std::string& folder) {
  CheckpointMeta meta;
  on_rank_0(comm, [&] { meta = read_manifest(folder).meta; });
  return share_meta(comm, meta);
}

}  // namespace ijepa
