#include "data_tools/inspection/inspect_cli.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <filesystem>
#include <thread>

#include "data_tools/inspection/inspect.hpp"
#include "ijepa/cli/numbers.hpp"
#include "ijepa/core/counted.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa::tools {
namespace fs = std::filesystem;
namespace {

constexpr int sheet_columns = 12, sheet_rows = 8, sheet_cell = 96;

void extract(const ShardSet& set, std::int64_t image, const std::string& out) {
  std::vector<std::uint8_t> encoded;
  try {
    set.read(image, encoded);
  } catch (const Error& error) {
    fail("The {} cannot be read: {}", set.where(image), error.what());
  }
  write_file_atomically(out, {encoded.begin(), encoded.end()});
  fmt::print("{}: {}\n", out, describe_image(set, image));
}

int verify(const ShardSet& set, int threads) {
  const Damage damage = verify_set(set, threads);
  if (damage.images == 0) {
    fmt::print("verified     {} images, all checksums match\n", set.size());
    return 0;
  }
  fmt::print("{}DAMAGED: {} entries of {} images\n", damage.report, damage.images, set.size());
  return 1;
}

/// The sets in the folders of `path`, when it has no shards itself.
std::vector<std::string> nested_sets(const std::string& path) {
  std::vector<std::string> sets;
  if (!fs::is_directory(path) || holds_shards(path)) return sets;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.is_directory() && holds_shards(entry.path().string()))
      sets.push_back(entry.path().string());
  std::sort(sets.begin(), sets.end());
  return sets;
}

bool is_run(const std::string& path) {
  return fs::is_directory(path) && !list_checkpoints(path).empty();
}

bool is_checkpoint(const std::string& path) {
  return fs::is_directory(path) && fs::exists(fs::path(path) / "manifest.json") &&
         !holds_shards(path) && nested_sets(path).empty();
}

void refuse_image_options(const std::string& path, const InspectOptions& o) {
  check(o.extract < 0 && o.contact_sheet.empty(),
        "{} holds a checkpoint and no images to extract or to show.", path);
}

int inspect_run(const std::string& path, const InspectOptions& o) {
  refuse_image_options(path, o);
  const RunCheckpoints run = describe_run(path, o.verify);
  fmt::print("{}", run.text);
  return run.damaged > 0 ? 1 : 0;
}

int inspect_checkpoint(const std::string& folder, const InspectOptions& o) {
  refuse_image_options(folder, o);
  const CheckpointManifest manifest = read_manifest(folder);
  fmt::print("{}", o.list ? tensor_lines(manifest) : describe_checkpoint(manifest, folder));
  if (o.verify) {
    verify_parts(folder, manifest);
    fmt::print("verified     {}, all bytes are as written\n",
               counted(std::ssize(manifest.parts), "part"));
  }
  return 0;
}

int inspect_set(const std::string& path, const InspectOptions& o) {
  const ShardSet set = ShardSet::open(path);
  if (o.list) {
    for (std::int64_t i = 0; i < set.size(); ++i) fmt::print("{}\n", describe_image(set, i));
  } else if (o.extract < 0) {
    fmt::print("{}", describe_set(set, path));
  }
  if (o.extract >= 0) extract(set, o.extract, o.out);
  if (!o.contact_sheet.empty()) {
    write_contact_sheet(set, sheet_columns, sheet_rows, sheet_cell, o.contact_sheet);
    fmt::print("contact sheet {}\n", o.contact_sheet);
  }
  return o.verify ? verify(set, o.threads) : 0;
}

}  // namespace

void add_inspect_options(CLI::App& app, InspectOptions& o) {
  o.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  app.add_option(
         "path", o.path,
         "A shard set, a folder of them, one shard, a checkpoint, or a run (all its checkpoints)")
      ->required()
      ->type_name("PATH");
  app.add_flag("--verify", o.verify, "Read everything and compare checksums");
  app.add_flag("--list", o.list, "One line an image (index, bytes, label, class, key) or a tensor");
  auto* out = app.add_option("--out", o.out, "File for --extract")->type_name("FILE");
  add_number(app, "--extract", o.extract, count_from(0),
             "Write the bytes of the image of this index to --out")
      ->needs(out);
  app.add_option("--contact-sheet", o.contact_sheet, "Write a PNG of images spread over the set")
      ->type_name("FILE");
  add_number(app, "--threads", o.threads, between(1, 1024), "Threads that verify")
      ->capture_default_str();
}

int inspect(const InspectOptions& o) {
  if (is_run(o.path)) return inspect_run(o.path, o);
  if (is_checkpoint(o.path)) return inspect_checkpoint(o.path, o);
  const auto nested = nested_sets(o.path);
  if (nested.empty()) return inspect_set(o.path, o);
  check(o.extract < 0 && o.contact_sheet.empty(),
        "{} holds several shard sets; name one of them, such as {}.", o.path, nested.front());
  int status = 0;
  for (const auto& path : nested) status = std::max(status, inspect_set(path, o));
  return status;
}

}  // namespace ijepa::tools
