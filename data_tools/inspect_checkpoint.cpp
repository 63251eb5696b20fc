#include "data_tools/inspect_checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "data_tools/progress.hpp"

namespace ijepa::tools {

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
