#include "ijepa/train/checkpoint/checkpoint.hpp"

#include <fmt/ranges.h>

#include <map>
#include <sstream>
#include <utility>

#include "checkpoint_folder.hpp"
#include "checkpoint_share.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/checkpoint/checkpoint_writer.hpp"

namespace ijepa {
namespace {

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

/// What is stored of each wanted tensor.
std::vector<const StoredTensor*> match(const CheckpointManifest& manifest,
                                       const std::vector<NamedTensor>& tensors, Unused unused,
                                       const std::string& folder) {
  TensorIndex index = index_of(manifest);
  std::vector<const StoredTensor*> stored;
  for (const auto& t : tensors) stored.push_back(&find(index, t, folder));
  for (const auto& t : tensors) index.erase({t.group, t.name});
  check(unused == Unused::ignore || index.empty(),
        "The checkpoint {} has {} tensors that this model lacks, {}/{} for one: it is of another "
        "model.",
        folder, index.size(), index.empty() ? "" : index.begin()->first.first,
        index.empty() ? "" : index.begin()->first.second);
  return stored;
}

/// The manifest as rank 0 reads it, on every rank.
CheckpointManifest share_manifest(Communicator& comm, const std::string& folder) {
  std::string text;
  on_rank_0(comm, [&] { text = manifest_text(read_manifest(folder)); });
  return parse_manifest(comm.broadcast_text(text, 0), folder + "/manifest.json");
}

/// Where a piece goes in the memory of the wanted tensor.
std::span<std::byte> place_of(const NamedTensor& tensor, const TensorPiece& piece) {
  const std::size_t element = size_of(tensor.dtype);
  return {static_cast<std::byte*>(tensor.data) + static_cast<std::size_t>(piece.first) * element,
          static_cast<std::size_t>(piece.count) * element};
}

/// The checkpoint's problem, "" if every byte of it is as written. Ranks share the reading.
std::string problem_of(Communicator& comm, const std::string& run_dir, const std::string& folder) {
  try {
    CheckpointManifest manifest = share_manifest(comm, folder);
    on_all_ranks(comm, [&] {
      check(checkpoint_folder(run_dir, manifest.meta.step) == folder, "it holds step {}",
            manifest.meta.step);
      std::vector<PartFile> mine;
      for (std::size_t p = 0; p < manifest.parts.size(); ++p)
        if (static_cast<int>(p % static_cast<std::size_t>(comm.size())) == comm.rank())
          mine.push_back(manifest.parts[p]);
      manifest.parts = std::move(mine);
      verify_parts(folder, manifest);
    });
  } catch (const AgreedError& e) {
    return e.what();
  }
  return "";
}

/// A manifest without tensors is a compact form of the meta that every rank can read.
CheckpointMeta share_meta(Communicator& comm, const CheckpointMeta& meta) {
  const std::string mine = comm.rank() == 0 ? manifest_text({meta, {}, {}}) : "";
  return parse_manifest(comm.broadcast_text(mine, 0), "The meta data of rank 0").meta;
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
  for (const auto& t : tensors) stored.push_back({t.group, t.name, t.dtype, t.shape, {}});
  const auto bytes = [&](std::size_t i) {
    return std::span(static_cast<const std::byte*>(tensors[i].data), stored[i].bytes());
  };
  on_rank_0(comm, [&] { write_checkpoint_folder(folder, meta, stored, bytes); });
}

SaveOutcome CheckpointStore::save(Communicator& comm, const CheckpointMeta& meta,
                                  const std::vector<NamedTensor>& tensors) const {
  CheckpointWriter writer(run_dir_, policy_, tensors, comm, copy_in_host);
  writer.begin(meta, {});
  SaveOutcome outcome = writer.finish();
  if (!outcome.saved()) throw AgreedError(outcome.problem);
  return outcome;
}

std::optional<std::string> CheckpointStore::newest_valid(Communicator& comm, const Log& log) const {
  std::string list;
  on_rank_0(comm, [&] { list = fmt::format("{}", fmt::join(list_checkpoints(run_dir_), "\n")); });
  std::istringstream folders(comm.broadcast_text(list, 0));
  int broken = 0;
  for (std::string folder; std::getline(folders, folder); ++broken) {
    const std::string problem = problem_of(comm, run_dir_, folder);
    if (problem.empty()) return folder;
    if (comm.rank() == 0)
      log.warn("The checkpoint {} is broken and is skipped: {}", folder, problem);
  }
  if (broken > 0)
    throw AgreedError(fmt::format(
        "All {} checkpoints in {} are broken. To begin again from nothing, move them away or "
        "choose another run folder.",
        broken, run_dir_));
  return std::nullopt;
}

CheckpointMeta load_checkpoint(Communicator& comm, const std::string& folder,
                               const std::vector<NamedTensor>& tensors, Unused unused) {
  const CheckpointManifest manifest = share_manifest(comm, folder);
  std::vector<const StoredTensor*> stored;
  std::vector<std::vector<PieceIndex>> readers;
  on_all_ranks(comm, [&] {
    stored = match(manifest, tensors, unused, folder);
    readers = pieces_by_reader(stored, comm.size());
    for (const auto& [t, p] : readers[static_cast<std::size_t>(comm.rank())])
      read_piece(folder, manifest, *stored[t], p, place_of(tensors[t], stored[t]->pieces[p]));
  });
  for (std::size_t reader = 0; reader < readers.size(); ++reader)
    for (const auto& [t, p] : readers[reader])
      comm.broadcast(place_of(tensors[t], stored[t]->pieces[p]), static_cast<int>(reader));
  return manifest.meta;
}

CheckpointMeta load_checkpoint_meta(Communicator& comm, const std::string& folder) {
  CheckpointMeta meta;
  on_rank_0(comm, [&] { meta = read_manifest(folder).meta; });
  return share_meta(comm, meta);
}

}  // namespace ijepa
