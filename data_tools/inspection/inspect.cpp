#include "data_tools/inspection/inspect.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "data_tools/packing/progress.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/data/images/samples.hpp"
#include "ijepa/train/checkpoint/checkpoint_marks.hpp"

namespace ijepa::tools {
namespace {

constexpr std::size_t damage_lines = 20;

/// Counts by powers of two of bytes, as text lines with bars.
std::string size_histogram(const ShardSet& set) {
  std::array<std::int64_t, 65> counts{};
  for (std::int64_t i = 0; i < set.size(); ++i)
    ++counts[std::bit_width(static_cast<std::uint64_t>(set.extent(i).bytes))];
  const std::int64_t most =
      std::max<std::int64_t>(1, *std::max_element(counts.begin(), counts.end()));
  std::string text;
  for (std::size_t bits = 1; bits < counts.size(); ++bits) {
    if (counts[bits] == 0) continue;
    const auto bar = static_cast<std::size_t>(40 * counts[bits] / most);
    text += fmt::format("  below {:>7}  {:>10}  {}\n",
                        bytes_text(std::int64_t{1} << std::min<std::size_t>(bits, 62)),
                        counts[bits], std::string(bar, '#'));
  }
  return text;
}

std::string class_lines(const ShardSet& set) {
  std::vector<std::int64_t> counts(set.class_names().size() + 1);
  for (std::int64_t i = 0; i < set.size(); ++i)
    ++counts[static_cast<std::size_t>(set.label(i) + 1)];
  std::string text = fmt::format("classes      {}\n", set.class_names().size());
  if (counts[0] > 0) text += fmt::format("  without a label  {}\n", counts[0]);
  constexpr std::size_t shown = 10;
  for (std::size_t c = 0; c < std::min(shown, set.class_names().size()); ++c)
    text += fmt::format("  {:>5}  {}  {}\n", c, set.class_names()[c], counts[c + 1]);
  if (set.class_names().size() > shown)
    text += fmt::format("  ... and {} more\n", set.class_names().size() - shown);
  return text;
}

/// Height and width of the image that is the median by short side, of images spread over the set.
std::string pixels_line(const ShardSet& set) {
  constexpr std::int64_t looks = 64;
  std::vector<Size> sizes;
  std::set<std::string> kinds;
  std::vector<std::uint8_t> encoded;
  ImageDecoder decoder;
  for (std::int64_t i = 0; i < std::min(looks, set.size()); ++i) {
    try {
      set.read(i * set.size() / std::min(looks, set.size()), encoded);
      sizes.push_back(decoder.open(encoded));
      const auto [channels, bits] = stored_channels(encoded);
      kinds.insert(fmt::format("{} of {} bits", channels, bits));
    } catch (const Error&) {
      // A damaged image has no size; --verify is there to name it.
    }
  }
  const auto short_side = [](const Size& s) { return std::min(s.height, s.width); };
  std::ranges::sort(sizes, {}, short_side);
  if (sizes.empty()) return "";
  const Size& median = sizes[sizes.size() / 2];
  // JPEG and others do not say how many of three they use.
  const bool usual = kinds == std::set<std::string>{"3 of 8 bits"};
  return fmt::format(
             "pixels       {} x {} (height x width), the median of {}; short sides {} to {}\n",
             median.height, median.width, sizes.size(), short_side(sizes.front()),
             short_side(sizes.back())) +
         (usual ? "" : fmt::format("channels     {}\n", fmt::join(kinds, ", ")));
}

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

std::string describe_set(const ShardSet& set, const std::string& path) {
  std::int64_t encoded = 0, files = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) encoded += set.extent(i).bytes;
  for (int s = 0; s < set.num_shards(); ++s)
    files += static_cast<std::int64_t>(std::filesystem::file_size(set.shard_path(s)));
  return fmt::format(
             "shard set    {}\nshards       {}\nimages       {}\nbytes        {} encoded, {} in "
             "files\n"
             "fingerprint  {:016x}\n",
             path, set.num_shards(), set.size(), bytes_text(encoded), bytes_text(files),
             set.fingerprint()) +
         pixels_line(set) + class_lines(set) + "image sizes\n" + size_histogram(set);
}

std::string describe_image(const ShardSet& set, std::int64_t image) {
  const int label = set.label(image);
  return fmt::format("{}\t{}\t{}\t{}\t{}", image, set.extent(image).bytes, label,
                     label < 0 ? "-" : set.class_names()[static_cast<std::size_t>(label)],
                     set.key(image));
}

Damage verify_set(const ShardSet& set, int threads) {
  Damage damage;
  std::mutex mutex;
  std::vector<std::string> lines;
  const auto note = [&](std::string line) {
    const std::lock_guard lock(mutex);
    ++damage.images;
    if (lines.size() < damage_lines) lines.push_back(std::move(line));
  };
  constexpr std::int64_t block = 256;
  const auto blocks = static_cast<std::size_t>((set.size() + block - 1) / block);
  parallel_for(blocks, threads, [&](std::size_t b) {
    std::vector<std::uint8_t> encoded;
    const auto begin = static_cast<std::int64_t>(b) * block;
    for (std::int64_t i = begin; i < std::min(begin + block, set.size()); ++i) {
      try {
        set.read(i, encoded);
      } catch (const Error& error) {
        note(fmt::format("{}: {}", set.where(i), error.what()));
      }
    }
  });
  for (int s = 0; s < set.num_shards(); ++s) {
    try {
      set.file(s).verify_tables();
      static_cast<void>(set.file(s).read_class_names());
    } catch (const Error& error) {
      note(error.what());
    }
  }
  std::sort(lines.begin(), lines.end());
  for (const auto& line : lines) damage.report += line + "\n";
  return damage;
}

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
