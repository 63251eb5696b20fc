#include "checkpoint_retention.hpp"

#include <algorithm>
#include <filesystem>

#include "checkpoint_folder.hpp"

namespace ijepa {

std::vector<std::int64_t> expendable(const std::vector<std::int64_t>& steps, std::int64_t newest,
                                     const CheckpointPolicy& policy, const CheckpointMarks& marks) {
  std::vector<std::int64_t> removed;
  std::int64_t kept = 0;
  for (const std::int64_t step : steps) {
    if (step > newest || ++kept <= policy.keep_last) continue;
    const bool milestone = policy.keep_every > 0 && step % policy.keep_every == 0;
    if (!milestone && marks.text(step).empty()) removed.push_back(step);
  }
  return removed;
}

CheckpointMarks updated(CheckpointMarks marks, const std::vector<std::int64_t>& steps,
                        std::int64_t step, const StepVerdict& verdict) {
  const auto gone = [&](std::int64_t s) { return std::ranges::find(steps, s) == steps.end(); };
  if (marks.best && gone(marks.best->step)) marks.best.reset();
  if (marks.healthy && gone(*marks.healthy)) marks.healthy.reset();
  if (!verdict.figure.empty()) marks.best = {step, verdict.figure, verdict.value};
  for (const std::int64_t s : steps) {
    if (s > std::min(step, verdict.healthy_until)) continue;
    marks.healthy = std::max(s, marks.healthy.value_or(s));
    break;
  }
  return marks;
}

void retain(const std::string& run_dir, std::int64_t step, const CheckpointPolicy& policy,
            const StepVerdict& verdict) {
  remove_unfinished(std::filesystem::path(checkpoint_folder(run_dir, step)).parent_path().string());
  std::vector<std::int64_t> steps;
  for (const auto& folder : list_checkpoints(run_dir)) steps.push_back(checkpoint_step(folder));
  const CheckpointMarks before = read_marks(run_dir);
  const CheckpointMarks marks = updated(before, steps, step, verdict);
  if (marks != before) write_marks(run_dir, marks);
  for (const std::int64_t old : expendable(steps, step, policy, marks))
    retire_checkpoint(checkpoint_folder(run_dir, old));
}

}  // namespace ijepa
