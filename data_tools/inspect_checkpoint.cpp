#include "data_tools/inspect_checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <map>

#include "data_tools/progress.hpp"
#include "ijepa/train/checkpoint/checkpoint_marks.hpp"

namespace ijepa::tools {
namespace {

struct Row {
  std::string bytes = "-", parts = "-", state;
  bool damaged = false;
};

Row row_of(const std::string& folder, bool verify) {
  Row row;
  try {
    const CheckpointManifest manifest = read_manifest(folder);
    std::uint64_t bytes = 0;
    for (const auto& part : manifest.parts) bytes += part.bytes;
    row.bytes = bytes_text(static_cast<std::int64_t>(bytes));
    row.parts = fmt::format("{}", manifest.parts.size());
    check(manifest.meta.step == checkpoint_step(folder), "it holds step {}", manifest.meta.step);
    if (verify) verify_parts(folder, manifest);
    if (!verify) check_part_sizes(folder, manifest);
    row.state = verify ? "verified" : "complete";
  } catch (const Error& e) {
    row.state = fmt::format("DAMAGED: {}", e.what());
    row.damaged = true;
  }
  return row;
}

}  // namespace

RunCheckpoints describe_run(const std::string& run_dir, bool verify) {
  RunCheckpoints run;
  const CheckpointMarks marks = read_marks(run_dir);
  run.text = fmt::format("run          {}\n{:>10}  {:>10}  {:>5}  {:<10}{}\n", run_dir, "step",
                         "bytes", "parts", "state", "kept as");
  for (const auto& folder : list_checkpoints(run_dir)) {
    const Row row = row_of(folder, verify);
    const auto step = checkpoint_step(folder);
    run.damaged += row.damaged ? 1 : 0;
    run.text += fmt::format("{:>10}  {:>10}  {:>5}  {:<10}{}\n", step, row.bytes, row.parts,
                            row.state, marks.text(step));
  }
  return run;
}

std::string describe_checkpoint(const CheckpointManifest& manifest, const std::string& folder) {
  struct Group {
    std::int64_t tensors = 0, numbers = 0, bytes = 0;
  };
  std::map<std::string, Group> groups;
  for (const auto& t : manifest.tensors) {
    Group& g = groups[t.group];
    ++g.tensors;
    g.numbers += t.numel();
    g.bytes += static_cast<std::int64_t>(t.bytes());
  }
  std::string text = fmt::format("checkpoint   {}\nstep         {}\n", folder, manifest.meta.step);
  for (const auto& part : manifest.parts)
    text += fmt::format("part         {}  {}  {:016x}\n", part.file,
                        bytes_text(static_cast<std::int64_t>(part.bytes)), part.xxh3);
  for (const auto& [name, g] : groups)
    text += fmt::format("group        {}: {} tensors, {} numbers, {}\n", name, g.tensors, g.numbers,
                        bytes_text(g.bytes));
  for (const auto& [name, value] : manifest.meta.text)
    text += fmt::format("--- {} ---\n{}{}", name, value, value.ends_with('\n') ? "" : "\n");
  return text;
}

std::string tensor_lines(const CheckpointManifest& manifest) {
  std::string text;
  for (const auto& t : manifest.tensors) {
    text += fmt::format("{}\t{}\t{}\t({})\t", t.group, t.name, name_of(t.dtype),
                        fmt::join(t.shape, ", "));
    for (std::size_t i = 0; i < t.pieces.size(); ++i)
      text += fmt::format("{}{:016x}", i > 0 ? " " : "", t.pieces[i].xxh3);
    text += "\n";
  }
  return text;
}

}  // namespace ijepa::tools
