// compute.precision = "auto": float32 or bfloat16, whichever this machine multiplies faster.
#pragma once
#include <functional>
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// The faster of two rates of products. bfloat16, which rounds to 8 bits, must gain a tenth.
DType faster_precision(double float32_gflops, double bfloat16_gflops);

/// GFLOP/s of products of a type on one core, by the kernels of compute.cpu_kernels.
using ProductRate = std::function<double(const std::string& kernels, DType type)>;
/// As this machine is now, which others may be using.
double measured_rate(const std::string& kernels, DType type);

struct ChosenPrecision {
  DType type = DType::f32;
  std::string reason;
};
/// float32 or bfloat16, as this machine is now: bfloat16 on GPUs; else the faster on a core.
ChosenPrecision precision_of_machine(const ComputeSettings& compute,
                                     const ProductRate& rate = measured_rate);

/// Rank 0's choice; it alone knows the reason. An exception of `choose` is an AgreedError on all
/// ranks. Collective.
ChosenPrecision chosen_on_rank_0(Communicator& comm,
                                 const std::function<ChosenPrecision()>& choose);

/// Where compute.precision is "auto", puts a type in its place and says which and why
/// (compute.residual counts for bfloat16 alone): that of the run in run.dir if there is one, so
/// that it goes on as it began; else precision_of_machine() of rank 0. The same on all ranks;
/// collective. An Error where the folder's config.toml cannot be read.
void choose_precision(PretrainRecipe& recipe_inout, Communicator& comm, const Log& log,
                      const ProductRate& rate = measured_rate);

}  // namespace ijepa
