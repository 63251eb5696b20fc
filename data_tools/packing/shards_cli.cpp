#include "data_tools/packing/shards_cli.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <filesystem>
#include <set>

#include "data_tools/packing/progress.hpp"
#include "data_tools/sources/archive_links.hpp"
#include "ijepa/cli/numbers.hpp"
#include "ijepa/core/counted.hpp"
#include "ijepa/core/pixel_type.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa::tools {
namespace {

constexpr std::size_t reasons_shown = 4;

/// A folder as the entries of the input name it.
std::string folder_below(const std::string& text, const char* option) {
  const std::string path = normal_path(utf8_name(text));
  if (leads_out(path) || text.starts_with('/'))
    throw CLI::ValidationError(option, text + " must lie below the input");
  return path;
}

std::vector<LayoutChoice::NamedSplit> named_splits(const std::vector<std::string>& texts) {
  std::vector<LayoutChoice::NamedSplit> splits;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const std::string folder =
        folder_below(equals == std::string::npos ? name : text.substr(equals + 1), "--split");
    if (name.empty() || name.find('/') != std::string::npos || is_hidden_name(name) ||
        leads_out(name) || name == "." || folder.empty())
      throw CLI::ValidationError("--split", text + " is not of the form NAME=FOLDER");
    splits.push_back({utf8_name(name), folder});
  }
  return splits;
}

/// " (7: a hidden name, 2: an empty file, ...)"
std::string reasons_text(const std::vector<std::pair<std::string, std::int64_t>>& reasons) {
  std::string text;
  for (std::size_t i = 0; i < std::min(reasons.size(), reasons_shown); ++i)
    text += fmt::format("{}{}: {}", i > 0 ? ", " : " (", reasons[i].second, reasons[i].first);
  if (reasons.size() > reasons_shown) text += ", ...";
  return text.empty() ? "" : text + ")";
}

/// Of each image; gives --short-side.
const CLI::Option* add_image_options(CLI::App& app, ImageRules& o) {
  auto* side = add_number(app, "--short-side", o.short_side, between(1, 16384),
                          "Resize larger images to this short side and store them as JPEG "
                          "(default: original bytes)");
  add_number(app, "--quality", o.quality, between(1, 100), "Of the JPEGs of --short-side")
      ->needs(side)
      ->capture_default_str();
  add_number(
      app, "--channels", o.channels, between(1, most_channels),
      "That images must be readable as, as data.channels of a configuration; TIFF is then kept as "
      "it is, and others are left out")
      ->capture_default_str();
  add_number(app, "--max-pixels", o.max_pixels, count_from(1), "Leave larger images out")
      ->capture_default_str();
  return side;
}

}  // namespace

PackOptions default_pack_options() {
  PackOptions options;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  // The cores this process is bound to, which under mpirun and srun may be few.
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) options.threads = CPU_COUNT(&cores);
  return options;
}

void add_pack_options(CLI::App& app, PackOptions& o) {
  app.add_option("input", o.input,
                 "Folder of class folders, tar (plain, gz, bz2, xz, zst) or zip of them, or folder "
                 "or tar of "
                 "class tars; images without folders get no label. With --statistics a folder of "
                 "shards")
      ->required()
      ->type_name("PATH");
  app.add_option("--out", o.out, "Folder of the shard set, or of one set a split (train, val, ...)")
      ->type_name("FOLDER");
  app.add_option("--subdir", o.layout.subdir,
                 "Pack only what lies below this folder of the input (A/B/C at any depth)");
  auto* splits =
      app.add_option_function<std::vector<std::string>>(
             "--split", [&o](const auto& texts) { o.layout.splits = named_splits(texts); },
             "A split and its folder below the input, instead of those that are found; "
             "once for each")
          ->type_name("NAME=FOLDER")
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--no-splits", o.layout.no_splits,
               "Folders are classes, also those named train, test, ...")
      ->excludes(splits);
  auto* size = app.add_option("--shard-size", o.shard_bytes, "Images in a shard, in bytes")
                   ->transform(CLI::AsSizeValue(false))
                   ->default_str("1GiB");
  add_number(app, "--images-per-shard", o.images_per_shard, count_from(1),
             "Images in a shard, in number")
      ->excludes(size);
  add_number(app, "--test-share", o.test_share, between(0, 0.9),
             "Share of the images put aside at random as the split test, where the input has no "
             "two splits of its own")
      ->capture_default_str();
  add_number(app, "--seed", o.seed, at_least(0), "Of the random order")->capture_default_str();
  const auto* side = add_image_options(app, o.image);
  add_number(app, "--threads", o.threads, between(1, 1024), "That decode, in each rank")
      ->capture_default_str();
  app.final_callback([&o, side] {
    o.layout.subdir = folder_below(o.layout.subdir, "--subdir");
    if (side->count() > 0 && o.image.channels != 3)
      throw CLI::ValidationError("--short-side", "stores JPEG, which has no other channels than 3");
  });
}

void add_statistics_options(CLI::App& app, PackOptions& packing, StatisticsOptions& o) {
  const std::set<std::string> shared{"input", "--channels", "--max-pixels", "--threads"};
  const auto packs = app.get_options();
  auto* images = add_number(app, "--images", o.images, count_from(1),
                            "That --statistics looks at, spread over the set (default: all)");
  CLI::Option* wanted =
      app.add_flag("--statistics", o.wanted,
                   "Print mean and deviation of each channel of the images in a folder of "
                   "shards, as lines of a configuration, and pack nothing");
  images->needs(wanted);
  for (auto* option : packs)
    if (!shared.contains(option->get_name()) && option != app.get_help_ptr())
      wanted->excludes(option);
  app.parse_complete_callback([&packing, &o] {  // beside that of packing
    if (!o.wanted && packing.out.empty()) throw CLI::RequiredError("--out");
    if (!o.wanted) return;
    o.shards = packing.input;
    o.channels = packing.image.channels;
    o.max_pixels = packing.image.max_pixels;
    o.threads = packing.threads;
  });
}

std::string set_to_train_on(const PackSummary& s) {
  const auto named = std::ranges::find_if(s.sets, [](const auto& set) {
    return std::filesystem::path(set.path).filename().string().starts_with("train");
  });
  if (named != s.sets.end()) return named->path;
  return std::ranges::max_element(s.sets, {}, [](const auto& set) { return set.images; })->path;
}

std::string summary_text(const PackSummary& s) {
  std::string text = s.was_complete ? "The set was complete already; nothing was done.\n" : "";
  for (const auto& set : s.sets)
    text += fmt::format("{}: {} in {}, {}, fingerprint {:016x}\n", set.path,
                        counted(set.images, "image"), counted(set.shards, "shard"),
                        bytes_text(set.bytes), set.fingerprint);
  text += s.class_names.empty()
              ? std::string("No classes.\n")
              : fmt::format("{} classes: {}{}\n", s.class_names.size(),
                            fmt::join(s.class_names.begin(),
                                      s.class_names.begin() +
                                          std::min<std::ptrdiff_t>(10, std::ssize(s.class_names)),
                                      ", "),
                            s.class_names.size() > 10 ? ", ..." : "");
  if (s.rejected > 0)
    text += fmt::format("{} {} left out{}; {} lists them.\n", counted(s.rejected, "file"),
                        s.rejected == 1 ? "was" : "were", reasons_text(s.reasons), s.rejected_path);
  return text;
}

}  // namespace ijepa::tools
