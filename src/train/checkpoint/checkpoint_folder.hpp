// A checkpoint's folder on its way: parts are written under a name that nobody takes for a
// checkpoint's, and the folder appears under its own only when every byte of it is on disk. And
// which checkpoints of a run may go then.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint_part.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/checkpoint_marks.hpp"

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

/// The steps of `steps` (newest first) that nothing keeps after that of `newest` was saved. Newer
/// ones belong to a run that was taken up again from before them: they do not count, and stay.
std::vector<std::int64_t> expendable(const std::vector<std::int64_t>& steps, std::int64_t newest,
                                     const CheckpointPolicy& policy, const CheckpointMarks& marks);

/// The marks after the checkpoint of `step` was saved beside those of `steps`.
CheckpointMarks updated(CheckpointMarks marks, const std::vector<std::int64_t>& steps,
                        std::int64_t step, const StepVerdict& verdict);

/// Marks the checkpoint of `step`, which is on disk, and removes what nothing keeps any more, and
/// what killed saves left. An Error when that fails; no protected one is lost by it.
void retain(const std::string& run_dir, std::int64_t step, const CheckpointPolicy& policy,
            const StepVerdict& verdict);

}  // namespace ijepa
