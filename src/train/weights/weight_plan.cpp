#include "weight_plan.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace ijepa {
namespace {

/// Where a training was: single numbers, and what optimizers keep.
bool is_training_state(const FileTensor& tensor) {
  constexpr std::array<std::string_view, 10> names{
      "opt",           "optim",        "optimizer", "optimizers", "optimizer_states",
      "lr_schedulers", "lr_scheduler", "scheduler", "scaler",     "rng_state"};
  const auto first = tensor.name.substr(0, tensor.name.find('/'));
  return tensor.shape.empty() ||
         (first.size() < tensor.name.size() && std::ranges::find(names, first) != names.end());
}

}  // namespace

WeightPlan::WeightPlan(const WeightFile& file, const PretrainRecipe& recipe,
                       const ImportOptions& options)
    : file_(file), model_(recipe.model.encoder, recipe.model.predictor) {
  for (auto [group, naming] : held_groups(file)) {
    if (group.empty()) group = unsaid_group(options);
    add_group(group, naming);
    groups_.push_back(group);
  }
  add_moments();
  for (const auto& tensor : file.tensors())
    if (!used_.contains(tensor.name) && !is_training_state(tensor))
      report_.unused.push_back(tensor.name);
  report_.matched = std::ssize(used_);
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
  use(naming.positions(group));  // positions_in() reads it
}

/// The optimizer numbers parameters through its groups in their order.
void WeightPlan::add_moments() {
  const auto& infos = layout().infos();
  const bool has_state = std::ranges::any_of(
      file_.tensors(), [](const auto& t) { return t.name.starts_with("opt/state/"); });
  const auto holds = [&](const char* group) { return std::ranges::count(groups_, group) > 0; };
  if (!has_state || !holds("encoder") || !holds("predictor")) return;
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
  // A block that is left out makes another network, whatever the options allow.
  for (const auto& [group, naming] : held_groups(file_))
    for (const auto& name : report_.unused)
      check(
          !name.starts_with(naming.prefix) ||
              !is_in_stack(naming.style, name.substr(naming.prefix.size())),
          "{} has {}, but its blocks before that are not all there: it is damaged, or a part of a "
          "network.",
          file_.path(), name);
  check(options.allow_missing || report_.missing.empty(),
        "{} lacks {} tensors of the model, {} for one: it is damaged, or of another network.",
        file_.path(), report_.missing.size(),
        report_.missing.empty() ? "" : report_.missing.front());
  check(options.allow_unused || report_.unused.empty(),
        "{} has {} tensors outside of its blocks that the model has no place for, {} for one; "
        "ijepa-weights import --allow-unused leaves them out.",
        file_.path(), report_.unused.size(), report_.unused.empty() ? "" : report_.unused.front());
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
