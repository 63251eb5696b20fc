#include "ijepa/train/weights/import.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "../checkpoint_folder.hpp"
#include "ijepa/model/positions.hpp"
#include "naming.hpp"

namespace ijepa {
namespace {

/// Where training stood: texts of a checkpoint, and their names in the authors' archive.
constexpr std::array<std::pair<const char*, const char*>, 11> progress_names{
    {{"epoch", "epoch"},
     {"loss", "loss"},
     {"batch_size", "batch_size"},
     {"world_size", "world_size"},
     {"lr", "lr"},
     {"weight_decay", "opt/param_groups/0/weight_decay"},
     {"scaler_scale", "scaler/scale"},
     {"scaler_growth_factor", "scaler/growth_factor"},
     {"scaler_backoff_factor", "scaler/backoff_factor"},
     {"scaler_growth_interval", "scaler/growth_interval"},
     {"scaler_growth_tracker", "scaler/_growth_tracker"}}};

/// A tensor of the new checkpoint and the row blocks of the file that it is made of; none: it
/// starts as in an untrained network.
struct Planned {
  StoredTensor stored;
  std::vector<const FileTensor*> blocks;
  std::size_t info = 0;  // index in the layout
};

class Plan {
 public:
  Plan(const WeightFile& file, const PretrainRecipe& recipe, const ImportOptions& options)
      : file_(file), model_(recipe.model.encoder, recipe.model.predictor), recipe_(recipe) {
    for (auto [group, naming] : held_groups(file)) {
      if (group.empty()) group = unsaid_group(options);
      add_group(group, naming);
      groups.push_back(group);
    }
    add_moments();
    for (const auto& tensor : file.tensors())
      if (!used_.contains(tensor.name)) report.unused.push_back(tensor.name);
    report.matched = std::ssize(file.tensors()) - std::ssize(report.unused);
  }

  const ParamLayout& layout() const { return model_.layout(); }

  std::vector<Planned> tensors;
  std::vector<std::string> groups;
  LoadReport report;
  std::int64_t step = 0;

 private:
  const FileTensor* use(const std::string& name) {
    const FileTensor* tensor = file_.find(name);
    if (tensor == nullptr) {
      report.missing.push_back(name);
    } else if (used_.insert(name).second && tensor->element != Element::f32) {
      ++report.converted;
    }
    return tensor;
  }

  /// Which encoder a file holds that has but one, from what it says or the option.
  std::string unsaid_group(const ImportOptions& options) const {
    std::string holds = options.holds;
    const auto said = file_.scalars().find("__metadata__/encoder");
    if (holds.empty() && said != file_.scalars().end())
      if (const auto* text = std::get_if<std::string>(&said->second)) holds = *text;
    check(holds == "target" || holds == "context",
          "{} does not say which encoder it holds: give --holds target or --holds context "
          "(conversions of the published archives by Hugging Face and timm hold the context "
          "encoder).",
          file_.path());
    return holds == "target" ? "target_encoder" : "encoder";
  }

  void add(const std::string& group, const std::vector<std::string>& names, std::size_t index) {
    const ParamInfo& info = layout().infos()[index];
    Planned planned{{group, info.name, DType::f32, info.shape, {}}, {}, index};
    auto shape = info.shape;
    shape[0] /= std::ssize(names);
    bool complete = true;
    for (const auto& name : names) {
      const FileTensor* block = use(name);
      planned.blocks.push_back(block);
      complete = complete && block != nullptr;
      if (block != nullptr && block->shape != shape)
        fail("{} in {} is {}, but the model needs ({}).", name, file_.path(), describe(*block),
             fmt::join(shape, ", "));
    }
    if (!complete) planned.blocks.clear();
    tensors.push_back(std::move(planned));
  }

  void add_group(const std::string& group, const Naming& naming) {
    const std::string kind = group == "predictor" ? "predictor" : "encoder";
    for (std::size_t i = 0; i < layout().infos().size(); ++i)
      if (layout().infos()[i].group == kind) add(group, naming.of(layout().infos()[i].name), i);
    check_positions(kind, naming.positions(group));
  }

  /// Positions are not stored: they follow from the sizes. A file with others is of another model.
  void check_positions(const std::string& kind, const std::string& name) {
    const auto& encoder = recipe_.model.encoder;
    const auto width = kind == "predictor" ? recipe_.model.predictor.width : encoder.width;
    const FileTensor* tensor = use(name);
    if (tensor == nullptr) return;
    check(tensor->shape == std::vector<std::int64_t>{1, encoder.tokens(), width},
          "{} in {} is {}, but the model needs (1, {}, {}).", name, file_.path(), describe(*tensor),
          encoder.tokens(), width);
    positions_.push_back({tensor, kind});
  }

  void add_moments();

  const WeightFile& file_;
  IJepa model_;
  const PretrainRecipe& recipe_;
  std::set<std::string> used_;

 public:
  struct Positions {
    const FileTensor* tensor;
    std::string kind;
  };
  const std::vector<Positions>& positions() const { return positions_; }

 private:
  std::vector<Positions> positions_;
};

/// The optimizer numbers parameters through its groups in their order.
void Plan::add_moments() {
  const auto& infos = layout().infos();
  const bool has_state = std::ranges::any_of(
      file_.tensors(), [](const auto& t) { return t.name.starts_with("opt/state/"); });
  if (!has_state) return;
  std::size_t number = 0;
  for (const auto& parameters : authors_optimizer_groups(layout())) {
    for (const auto& [group, info] : parameters) {
      const std::string state = fmt::format("opt/state/{}/", number++);
      if (info == nullptr) continue;
      const auto index = static_cast<std::size_t>(info - infos.data());
      add(group + "_adam_m", {state + "exp_avg"}, index);
      add(group + "_adam_v", {state + "exp_avg_sq"}, index);
      if (file_.find(state + "step") != nullptr) use(state + "step");
    }
  }
}

/// The rows of one tensor of the new checkpoint, valid until the next.
class Rows {
 public:
  Rows(WeightFile& file, const Plan& plan) : file_(file), plan_(plan) {}

  std::span<const std::byte> operator()(std::size_t i) {
    const Planned& planned = plan_.tensors[i];
    values_.resize(static_cast<std::size_t>(planned.stored.numel()));
    std::span<float> rest = values_;
    for (const FileTensor* block : planned.blocks) {
      const auto count = values_.size() / planned.blocks.size();
      read_as_float(file_, *block, rest.first(count));
      rest = rest.subspan(count);
    }
    if (planned.blocks.empty()) initialise(planned);
    check(std::ranges::all_of(values_, [](float v) { return std::isfinite(v); }),
          "{}/{} in {} holds NaN or infinity.", planned.stored.group, planned.stored.name,
          file_.path());
    return std::as_bytes(std::span<const float>(values_));
  }

 private:
  void initialise(const Planned& planned) {
    const bool moment = planned.stored.group.find("_adam_") != std::string::npos;
    std::vector<double> start(values_.size());
    if (!moment) initial_values(plan_.layout().infos()[planned.info], 0, planned.info, start);
    std::ranges::copy(start, values_.begin());
  }

  WeightFile& file_;
  const Plan& plan_;
  std::vector<float> values_;
};

void compare_positions(WeightFile& file, const Plan& plan, const PretrainRecipe& recipe) {
  constexpr double tolerance = 1e-4;
  const auto& encoder = recipe.model.encoder;
  for (const auto& [tensor, kind] : plan.positions()) {
    std::vector<float> stored(tensor->bytes() / size_of(tensor->element));
    read_as_float(file, *tensor, stored);
    const auto ours =
        sincos_positions({encoder.grid_rows(), encoder.grid_cols()}, tensor->shape[2]);
    const bool same = std::ranges::equal(
        stored, ours, [](float a, double b) { return std::abs(a - b) < tolerance; });
    check(same,
          "{} in {} is not the fixed sine and cosine table of a {} x {} grid: it is of another "
          "model, or another image size.",
          tensor->name, file.path(), encoder.grid_rows(), encoder.grid_cols());
  }
}

void check_report(const LoadReport& report, const ImportOptions& options) {
  const auto first = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string() : names.front();
  };
  check(options.allow_missing || report.missing.empty(),
        "{} lacks {} tensors of the model, {} for one; --allow-missing starts them untrained.",
        options.file, report.missing.size(), first(report.missing));
  check(options.allow_unused || report.unused.empty(),
        "{} has {} tensors that the model has no place for, {} for one; --allow-unused leaves "
        "them out.",
        options.file, report.unused.size(), first(report.unused));
}

/// The number of updates, which all parameters of the optimizer share.
std::int64_t steps_of(WeightFile& file) {
  for (const auto& tensor : file.tensors()) {
    if (!tensor.name.starts_with("opt/state/") || !tensor.name.ends_with("/step")) continue;
    float step = 0;
    check(tensor.shape.empty(), "{} in {} is no single number.", tensor.name, file.path());
    read_as_float(file, tensor, {&step, 1});
    check(step >= 0 && step < 1e12F, "{} in {} is no number of steps: {}.", tensor.name,
          file.path(), step);
    return static_cast<std::int64_t>(step);
  }
  return static_cast<std::int64_t>(file.number("opt/state/1/step", 0));
}

CheckpointMeta meta_of(WeightFile& file, const PretrainRecipe& recipe, const Plan& plan) {
  CheckpointMeta meta{steps_of(file), {{"config", recipe_text(recipe)}}};
  meta.text["imported"] = fmt::format("{} ({}), holding {}\n", file.path(), file.format(),
                                      fmt::join(plan.groups, ", "));
  for (const auto& [key, name] : progress_names)
    if (const double value = file.number(name, NAN); std::isfinite(value))
      meta.text[key] = fmt::format("{}", value);
  return meta;
}

std::string model_text(const PretrainRecipe& recipe) {
  const auto& e = recipe.model.encoder;
  return fmt::format("{}: {} blocks of width {}, {} heads, MLP {}, {} x {} pixels in patches of {}",
                     e.name, e.depth, e.width, e.heads, e.mlp_hidden, e.image_height, e.image_width,
                     e.patch);
}

}  // namespace

ImportResult import_weights(const ImportOptions& options) {
  const auto file = open_weight_file(options.file);
  const auto recipe = recipe_of_weights(*file, options);
  const Plan plan(*file, recipe, options);
  check_report(plan.report, options);
  compare_positions(*file, plan, recipe);
  check(list_checkpoints(options.run).empty(),
        "{} already holds checkpoints; import into a new folder.", options.run);
  const auto meta = meta_of(*file, recipe, plan);
  std::vector<StoredTensor> stored;
  for (const auto& planned : plan.tensors) stored.push_back(planned.stored);
  const std::string folder = checkpoint_folder(options.run, meta.step);
  write_checkpoint_folder(folder, meta, stored, Rows(*file, plan));
  return {folder, model_text(recipe), plan.groups, plan.report};
}

std::string describe_weights(const WeightFile& file, const ImportOptions& options) {
  std::map<std::string, std::pair<std::int64_t, std::uint64_t>> groups;
  for (const auto& t : file.tensors()) {
    auto& [count, bytes] =
        groups[t.name.substr(0, std::min(t.name.find_first_of("/."), t.name.size()))];
    ++count;
    bytes += t.bytes();
  }
  std::string text = fmt::format("file         {}\nformat       {}\ntensors      {}\n", file.path(),
                                 file.format(), file.tensors().size());
  for (const auto& [name, sums] : groups)
    text += fmt::format("  {:<18} {:>6} tensors {:>14} bytes\n", name, sums.first, sums.second);
  for (const auto& held : held_groups(file))
    text += fmt::format("holds        {}\n",
                        held.group.empty() ? "an encoder, unsaid which" : held.group);
  for (const auto& [key, name] : progress_names)
    if (const double value = file.number(name, NAN); std::isfinite(value))
      text += fmt::format("{:<12} {}\n", key, value);
  return text + "model        " + model_text(recipe_of_weights(file, options)) + "\n";
}

}  // namespace ijepa
