// Finding: one comparison of a device with a reference, as a number beside its bound, so that tests
// and the GPU check say the same.
#pragma once
#include <cmath>
#include <limits>
#include <string>

namespace ijepa::test {

struct Finding {
  std::string what;
  double error = 0, bound = 0;
  bool passed() const { return error <= bound; }  // never true of NaN
};

/// |got - want|; infinite where `got` is no number, so that a maximum keeps it.
inline double distance(double got, double want) {
  const double d = std::abs(got - want);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

}  // namespace ijepa::test
