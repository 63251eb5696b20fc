// A new pretraining run from the weights of an own run, an import, or another program's file.
#pragma once
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/step/initial_weights.hpp"

namespace ijepa {

enum class StartParts : std::uint8_t { held, encoder, both };
/// own: the online encoder from the context encoder and the EMA target from the target encoder,
/// where the weights have both. Else both from one.
enum class StartEncoder : std::uint8_t { own, target, context };

struct StartOptions {
  std::string from;  // a run, a checkpoint, or weights of another program; empty: none
  StartParts parts = StartParts::held;
  StartEncoder encoder = StartEncoder::own;
};

/// What the recipe's run starts from. Position tables are resized where the recipe's grid is
/// another. Where its folder holds a run already the weights are not opened. An Error when the
/// sizes of the weights are not the recipe's. Collective; logs what becomes of which part.
InitialWeights start_from(const StartOptions& options, const PretrainRecipe& recipe,
                          Communicator& comm, const Log& log);

}  // namespace ijepa
