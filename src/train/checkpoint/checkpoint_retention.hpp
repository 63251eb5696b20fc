// Which checkpoints of a run may go once a newer one is on disk.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/checkpoint_marks.hpp"

namespace ijepa {

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
