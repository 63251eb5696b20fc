#include "ijepa/train/weights/load.hpp"

#include <algorithm>
#include <filesystem>

#include "../checkpoint/checkpoint_disk.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/core/parallel.hpp"
#include "stored_positions.hpp"
#include "weight_place.hpp"
#include "weight_plan.hpp"

namespace ijepa {
namespace {

const PlannedTensor& planned_for(const WeightPlan& plan, const WeightFile& file,
                                 const NamedTensor& wanted) {
  const auto found = std::ranges::find_if(plan.tensors(), [&](const PlannedTensor& p) {
    return p.stored.group == wanted.group && p.stored.name == wanted.name;
  });
  check(found != plan.tensors().end(), "{} holds no {}, only: {}.{}", file.path(), wanted.group,
        fmt::join(plan.groups(), ", "), encoder_advice(wanted.group, plan.groups()));
  check(wanted.dtype == DType::f32 && wanted.shape == found->stored.shape,
        "{} of {} in {} is float32 ({}), but another type or shape is needed.", wanted.name,
        wanted.group, file.path(), fmt::join(found->stored.shape, ", "));
  return *found;
}

std::span<float> values_of(const NamedTensor& t) {
  const StoredTensor stored{t.group, t.name, t.dtype, t.shape, {}};
  return {static_cast<float*>(t.data), static_cast<std::size_t>(stored.numel())};
}

/// What the caller wants of a file with one encoder that does not say which it is.
std::string encoder_wanted(const std::vector<NamedTensor>& tensors) {
  const auto is_target = [](const NamedTensor& t) { return t.group == "target_encoder"; };
  return std::ranges::any_of(tensors, is_target) ? "target" : "context";
}

ImportOptions options_of(const std::string& path, const WeightHints& hints = {}) {
  ImportOptions options;
  options.hints = hints;
  options.file = path;
  return options;
}

/// The share of one rank, tensor i being that of rank i mod size.
void read_share(const Communicator& comm, const std::string& path,
                const std::vector<NamedTensor>& tensors, const WeightHints& hints) {
  auto options = options_of(path, hints);
  const auto file = open_weight_file(path);
  if (encoder_said(*file).empty()) options.holds = encoder_wanted(tensors);
  const auto recipe = recipe_of_weights(*file, options);
  const WeightPlan plan(*file, recipe, options);
  plan.check_complete(options);
  std::vector<const PlannedTensor*> planned;
  for (const auto& t : tensors) planned.push_back(&planned_for(plan, *file, t));

  const auto rank = static_cast<std::size_t>(comm.rank());
  const auto ranks = static_cast<std::size_t>(comm.size());
  const int threads = usable_cores();
  // A file that is read keeps a position, so each thread has its own.
  std::vector<std::unique_ptr<WeightFile>> files(static_cast<std::size_t>(threads));
  const auto own = (tensors.size() + ranks - 1 - rank) / ranks;
  parallel_for(own, threads, [&](std::size_t i, int thread) {
    auto& mine = files[static_cast<std::size_t>(thread)];
    if (mine == nullptr) mine = open_weight_file(path);
    const auto at = i * ranks + rank;
    plan.read(*mine, *planned[at], values_of(tensors[at]));
  });
}

}  // namespace

bool is_weight_file(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::exists(path)) return false;
  return !fs::is_directory(path) ||
         (!fs::exists(fs::path(path) / "manifest.json") && list_checkpoints(path).empty());
}

bool holds_weights(const std::string& folder) {
  return has_weights(folder);
}

std::string encoder_advice(const std::string& wanted, const std::vector<std::string>& held) {
  const auto holds = [&](const char* group) { return std::ranges::count(held, group) > 0; };
  if (wanted == "target_encoder" && holds("encoder")) return " --encoder context takes that one.";
  if (wanted == "encoder" && holds("target_encoder")) return " --encoder target takes that one.";
  return {};
}

std::string describe_weight_file(const std::string& path) {
  return describe_weights(*open_weight_file(path), options_of(path));
}

PretrainRecipe recipe_of_weight_file(const std::string& path, const WeightHints& hints) {
  return recipe_of_weights(*open_weight_file(path), options_of(path, hints));
}

PositionTables positions_of_weight_file(const std::string& path, const WeightHints& hints) {
  const auto file = open_weight_file(path);
  return positions_in(*file, recipe_of_weights(*file, options_of(path, hints)));
}

std::vector<std::string> groups_of_weight_file(const std::string& path) {
  const auto file = open_weight_file(path);
  const auto said = encoder_said(*file);
  std::vector<std::string> groups;
  for (const auto& held : held_groups(*file))
    groups.push_back(!held.group.empty() ? held.group
                     : said == "context" ? "encoder"
                                         : "target_encoder");
  return groups;
}

std::uint64_t fingerprint_of_weight_file(const std::string& path) {
  const auto file = open_weight_file(path);
  const auto text = fmt::format("{:016x} {}", file->fingerprint(),
                                recipe_text(recipe_of_weights(*file, options_of(path))));
  Hasher hasher;
  hasher.add(std::as_bytes(std::span(text)));
  return hasher.digest();
}

void load_weight_file(Communicator& comm, const std::string& path,
                      const std::vector<NamedTensor>& tensors, const WeightHints& hints) {
  on_all_ranks(comm, [&] { read_share(comm, path, tensors, hints); });
  if (comm.size() == 1) return;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    comm.broadcast(std::as_writable_bytes(values_of(tensors[i])),
                   static_cast<int>(i) % comm.size());
}

}  // namespace ijepa
