#include "weight_plan.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ijepa/model/positions.hpp"

namespace ijepa {

WeightPlan::WeightPlan(const WeightFile& file, const PretrainRecipe& recipe,
                       const ImportOptions& options)
    : file_(file), recipe_(recipe), model_(recipe.model.encoder, recipe.model.predictor) {
  for (auto [group, naming] : held_groups(file)) {
    if (group.empty()) group = unsaid_group(options);
    add_group(group, naming);
    groups_.push_back(group);
  }
  add_moments();
  for (const auto& tensor : file.tensors())
    if (!used_.contains(tensor.name)) report_.unused.push_back(tensor.name);
  report_.matched = std::ssize(file.tensors()) - std::ssize(report_.unused);
}

const FileTensor* WeightPlan::use(const std::string& name) {
  const FileTensor* tensor = file_.find(name);
  if (tensor == nullptr) {
    report_.missing.push_back(name);
  } else if (used_.insert(name).second && tensor->element != Element::f32) {
    ++report_.converted;
  }
  return tensor;
}

/// Which encoder a file holds that has but one, from the option or what the file says.
std::string WeightPlan::unsaid_group(const ImportOptions& options) const {
  const auto holds = options.holds.empty() ? encoder_said(file_) : options.holds;
  check(holds == "target" || holds == "context",
        "{} does not say which encoder it holds: ijepa-weights import --holds target|context does "
        "(conversions of the published archives by Hugging Face and timm hold the context "
        "encoder).",
        file_.path());
  return holds == "target" ? "target_encoder" : "encoder";
}

void WeightPlan::add(const std::string& group, const std::vector<std::string>& names,
                     std::size_t index) {
  const ParamInfo& info = layout().infos()[index];
  PlannedTensor planned{{group, info.name, DType::f32, info.shape, {}}, {}, index};
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
  tensors_.push_back(std::move(planned));
}

void WeightPlan::add_group(const std::string& group, const Naming& naming) {
  const std::string kind = group == "predictor" ? "predictor" : "encoder";
  for (std::size_t i = 0; i < layout().infos().size(); ++i)
    if (layout().infos()[i].group == kind) add(group, naming.of(layout().infos()[i].name), i);
  add_positions(kind, naming.positions(group));
}

/// Positions are not stored: they follow from the sizes. A file with others is of another model.
void WeightPlan::add_positions(const std::string& kind, const std::string& name) {
  const auto& encoder = recipe_.model.encoder;
  const auto width = kind == "predictor" ? recipe_.model.predictor.width : encoder.width;
  const FileTensor* tensor = use(name);
  if (tensor == nullptr) return;
  check(tensor->shape == std::vector<std::int64_t>{1, encoder.tokens(), width},
        "{} in {} is {}, but the model needs (1, {}, {}).", name, file_.path(), describe(*tensor),
        encoder.tokens(), width);
  positions_.push_back(tensor);
}

/// The optimizer numbers parameters through its groups in their order.
void WeightPlan::add_moments() {
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

void WeightPlan::check_complete(const ImportOptions& options) const {
  const auto first = [](const std::vector<std::string>& names) {
    return names.empty() ? std::string() : names.front();
  };
  check(options.allow_missing || report_.missing.empty(),
        "{} lacks {} tensors of the model, {} for one; ijepa-weights import --allow-missing starts "
        "them "
        "untrained.",
        file_.path(), report_.missing.size(), first(report_.missing));
  check(options.allow_unused || report_.unused.empty(),
        "{} has {} tensors that the model has no place for, {} for one; ijepa-weights import "
        "--allow-unused leaves them out.",
        file_.path(), report_.unused.size(), first(report_.unused));
}

void WeightPlan::check_positions(WeightFile& file) const {
  constexpr double tolerance = 1e-4;
  const auto& encoder = recipe_.model.encoder;
  for (const FileTensor* tensor : positions_) {
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

void WeightPlan::read(WeightFile& file, const PlannedTensor& planned, std::span<float> out) const {
  std::span<float> rest = out;
  for (const FileTensor* block : planned.blocks) {
    const auto count = out.size() / planned.blocks.size();
    read_as_float(file, *block, rest.first(count));
    rest = rest.subspan(count);
  }
  if (planned.blocks.empty()) initialise(planned, out);
  check(std::ranges::all_of(out, [](float v) { return std::isfinite(v); }),
        "{}/{} in {} holds NaN or infinity.", planned.stored.group, planned.stored.name,
        file.path());
}

void WeightPlan::initialise(const PlannedTensor& planned, std::span<float> out) const {
  const bool moment = planned.stored.group.find("_adam_") != std::string::npos;
  std::vector<double> start(out.size());
  if (!moment) initial_values(layout().infos()[planned.info], 0, planned.info, start);
  std::ranges::copy(start, out.begin());
}

}  // namespace ijepa
