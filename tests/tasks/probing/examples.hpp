// Examples: labelled features whose classes are clusters around random centres.
#pragma once
#include <string>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/features/labelled.hpp"

namespace ijepa::test {

/// n rows of width D; row i is of class i mod classes. Centres are the same whatever `draw`.
inline LabelledFeatures clusters(std::int64_t n, std::int64_t width, std::int64_t classes,
                                 double noise, std::uint64_t draw) {
  LabelledFeatures set{{n, width}, {}, classes};
  for (std::int64_t i = 0; i < n; ++i) {
    const auto label = i % classes;
    set.labels.push_back(static_cast<std::int32_t>(label));
    Rng centre(1, Purpose::test, 0, static_cast<std::uint64_t>(label));
    Rng own(1, Purpose::test, draw + 1, static_cast<std::uint64_t>(i));
    for (auto& v : set.features.row(i))
      v = static_cast<float>(centre.normal() + noise * own.normal());
  }
  return set;
}

/// The message of the Error that an action throws.
std::string message_of(const auto& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace ijepa::test
