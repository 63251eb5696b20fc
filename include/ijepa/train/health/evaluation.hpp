// Evaluation: a judgement of the features as they are in mid-training, which a trainer asks for
// without knowing how it is made.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/train/step/engine.hpp"

namespace ijepa {

class Evaluation {
 public:
  virtual ~Evaluation() = default;

  struct Result {
    std::vector<std::pair<std::string, double>> figures;  // for the event log
    double score = 0;                                     // more is better
  };
  /// The same on every rank. Reads the engine's weights and changes nothing of it. An AgreedError
  /// when it cannot be made. Collective.
  virtual Result evaluate() = 0;
};

/// Makes the evaluation of a run that recipe.eval asks for, and takes its memory. Collective.
using EvaluationFactory = std::function<std::unique_ptr<Evaluation>(
    const PretrainRecipe& recipe, Device& device, Engine& engine, Communicator& comm)>;

}  // namespace ijepa
