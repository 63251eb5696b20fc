#include "ijepa/train/fit/precision_choice.hpp"

#include <filesystem>
#include <optional>
#include <string>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/device/peak.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/run/run_folder.hpp"

namespace ijepa {
namespace {

/// A start that failed before its first save left a configuration, but no run.
std::optional<ChosenPrecision> of_run(const std::string& folder) {
  const auto file = std::filesystem::path(folder) / "config.toml";
  if (list_checkpoints(folder).empty() || !std::filesystem::exists(file)) return std::nullopt;
  const auto settings = settings_of(read_text_file(file.string()));
  const auto found = settings.find("compute.precision");
  if (found == settings.end()) return std::nullopt;
  for (const DType type : {DType::f32, DType::bf16, DType::f64})
    if (found->second == fmt::format("\"{}\"", name_of(type)))
      return ChosenPrecision{type, fmt::format("as the run in {} was begun", folder)};
  return std::nullopt;
}

ChosenPrecision choose(const PretrainRecipe& recipe, const ProductRate& rate) {
  if (const auto begun = of_run(recipe.run.dir)) return *begun;
  return precision_of_machine(recipe.compute, rate);
}

}  // namespace

DType faster_precision(double float32_gflops, double bfloat16_gflops) {
  return bfloat16_gflops > 1.1 * float32_gflops ? DType::bf16 : DType::f32;
}

double measured_rate(const std::string& kernels, DType type) {
  return measure_gflops(*make_device({.threads = 1, .cpu_kernels = kernels}), type);
}

ChosenPrecision precision_of_machine(const ComputeSettings& compute, const ProductRate& rate) {
  if (compute.device == DeviceChoice::cuda)
    return {DType::bf16, "GPUs multiply it several times as fast"};
  const double single = rate(compute.cpu_kernels, DType::f32),
               half = rate(compute.cpu_kernels, DType::bf16);
  return {faster_precision(single, half),
          fmt::format("a core multiplies at {:.0f} GFLOP/s in float32 and {:.0f} in bfloat16",
                      single, half)};
}

ChosenPrecision chosen_on_rank_0(Communicator& comm,
                                 const std::function<ChosenPrecision()>& choose) {
  ChosenPrecision chosen;
  on_rank_0(comm, [&] { chosen = choose(); });
  std::byte type[1] = {static_cast<std::byte>(chosen.type)};
  comm.broadcast(type, 0);
  chosen.type = static_cast<DType>(type[0]);
  return chosen;
}

void choose_precision(PretrainRecipe& recipe_inout, Communicator& comm, const Log& log,
                      const ProductRate& rate) {
  auto& compute = recipe_inout.compute;
  if (!compute.automatic_precision) return;
  const auto chosen = chosen_on_rank_0(comm, [&] { return choose(recipe_inout, rate); });
  compute.precision = chosen.type;
  compute.automatic_precision = false;
  if (compute.precision != DType::bf16) compute.residual = DType::f32;
  log.info("compute.precision = \"auto\" is {} here: {}.", name_of(compute.precision),
           chosen.reason);
}

}  // namespace ijepa
