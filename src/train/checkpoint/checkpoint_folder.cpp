#include "checkpoint_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "checkpoint_disk.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

constexpr const char* manifest_name = "manifest.json";
constexpr const char* unfinished_prefix = "unfinished_";

fs::path unfinished_folder(const fs::path& target) {
  return target.parent_path() / (unfinished_prefix + target.filename().string());
}

void remove_folder(const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  check(!error, "Cannot remove {}: {}.", folder.string(), error.message());
}

/// The parts as rank 0 sees them. What a killed save of this step left is removed.
void check_parts(const fs::path& folder, const CheckpointManifest& manifest) {
  std::set<std::string> files;
  std::error_code error;
  for (const auto& part : manifest.parts) {
    const fs::path path = folder / part.file;
    check(fs::file_size(path, error) == part.bytes && !error,
          "{} is not there as its rank wrote it: the run folder must lie on a file system that all "
          "ranks share.",
          path.string());
    files.insert(part.file);
  }
  std::vector<fs::path> others;
  for (const auto& entry : fs::directory_iterator(folder))
    if (!files.contains(entry.path().filename().string())) others.push_back(entry.path());
  for (const auto& path : others) remove_folder(path);
}

}  // namespace

void remove_unfinished(const std::string& checkpoints) {
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(checkpoints)) {
    if (entry.path().filename().string().starts_with(unfinished_prefix)) {
      left.push_back(entry.path());
    }
  }
  for (const auto& folder : left) remove_folder(folder);
}

void retire_checkpoint(const std::string& name) {
  const fs::path folder = name;
  const fs::path aside = unfinished_folder(folder);
  std::error_code error;
  fs::rename(folder, aside, error);
  check(!error, "Cannot rename {}: {}.", folder.string(), error.message());
  remove_folder(aside);
}

std::string not_saved(std::int64_t step, const std::string& reason) {
  return fmt::format("The checkpoint of step {} was not saved; former ones are untouched. {}", step,
                     reason);
}

std::string make_unfinished_folder(const std::string& target) {
  const fs::path folder = unfinished_folder(target);
  make_folder(folder);
  return folder.string();
}

void commit_checkpoint(const std::string& target, const CheckpointManifest& manifest) {
  const fs::path unfinished = unfinished_folder(target), checkpoints = unfinished.parent_path();
  check_parts(unfinished, manifest);
  write_file_atomically((unfinished / manifest_name).string(), manifest_text(manifest));
  sync_folder(unfinished.string());
  publish_folder(unfinished.string(), target);
  sync_folder(checkpoints.string());
}

void abandon_checkpoint(const std::string& target) noexcept {
  std::error_code ignored;  // the error that led here is the one to tell
  fs::remove_all(unfinished_folder(target), ignored);
}

void write_checkpoint_folder(const std::string& target, const CheckpointMeta& meta,
                             const std::vector<StoredTensor>& tensors, const RangeBytes& bytes_of) {
  try {
    const PartLayout layout(tensors, whole_tensors(tensors));
    const fs::path folder = make_unfinished_folder(target);
    CheckpointManifest manifest{meta, {}, tensors};
    add_part(manifest, layout.ranges(), layout.write((folder / part_name(0)).string(), bytes_of));
    commit_checkpoint(target, manifest);
    remove_unfinished(folder.parent_path().string());
  } catch (const Error& e) {
    abandon_checkpoint(target);
    fail("{}", not_saved(meta.step, e.what()));
  }
}

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
