// A checkpoint's folder on its way: parts are written under a name that nobody takes for a
// checkpoint's, and the folder appears under its own only when every byte of it is on disk.
#pragma once
#include <string>
#include <vector>

#include "checkpoint_part.hpp"

namespace ijepa {

/// Where the parts of RUN/checkpoints/NAME are written: made if missing. Any rank.
std::string make_unfinished_folder(const std::string& target);

/// Writes the manifest beside the parts and gives the folder its name; one that had it before gets
/// the unfinished one's. For one rank, after all parts are on disk. An Error,
/// for example about a part that is not seen here, leaves former checkpoints untouched.
void commit_checkpoint(const std::string& target, const CheckpointManifest& manifest);

/// Removes what there is of an unfinished folder, as far as the disk lets it.
void abandon_checkpoint(const std::string& target) noexcept;

/// Removes what killed saves and removals left in RUN/checkpoints. Not while a save is in flight.
void remove_unfinished(const std::string& checkpoints);

/// All of it by one process. After an Error the former ones are untouched and nothing is left under
/// the new name.
void write_checkpoint_folder(const std::string& target, const CheckpointMeta& meta,
                             const std::vector<StoredTensor>& tensors, const RangeBytes& bytes_of);

/// "The checkpoint of step 7 was not saved; former ones are untouched. REASON"
std::string not_saved(std::int64_t step, const std::string& reason);

/// Renames it to a name that nobody takes for a checkpoint's, then removes it, so that a kill in
/// mid-removal leaves none in halves.
void retire_checkpoint(const std::string& name);

}  // namespace ijepa
