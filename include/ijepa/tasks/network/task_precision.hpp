// The number type in which a trained network is used: as asked for, or the faster one here.
#pragma once
#include <cstdint>
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/nn/pass.hpp"
#include "ijepa/train/fit/precision_choice.hpp"

namespace ijepa {

/// Of matrix products and what they give; features are float32 whichever it is.
enum class TaskPrecision : std::uint8_t { float32, bfloat16, automatic };

/// Automatic: precision_of_machine() on rank 0, which is logged; the same on all ranks. Collective.
Precision choose_precision(TaskPrecision asked, const ComputeSettings& compute, Communicator& comm,
                           const Log& log, const ProductRate& rate = measured_rate);

/// `identity`, of weights, as features by this precision have it: float32 adds nothing.
std::string with_precision(std::string identity, const Precision& precision);
/// What with_precision() was given.
TaskPrecision precision_of_identity(const std::string& identity);

}  // namespace ijepa
