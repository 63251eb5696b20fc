#include "ijepa/drawing/plot_axis.hpp"

#include <algorithm>
#include <cmath>

namespace ijepa {

int PlotAxis::marks() const {
  return static_cast<int>(std::lround((high - low) / step)) + 1;
}

PlotAxis axis_of(double low, double high, int marks, double least_step) {
  if (high <= low) {  // one value: a band around it
    const double band = std::max(least_step, low == 0 ? 1 : std::abs(low) * 0.1);
    low -= band;
    high += band;
  }
  const double raw = (high - low) / marks, power = std::pow(10.0, std::floor(std::log10(raw)));
  const double lead = raw / power;
  const double step = std::max(least_step, power * (lead < 1.5   ? 1
                                                    : lead < 3.5 ? 2
                                                    : lead < 7.5 ? 5
                                                                 : 10));
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

}  // namespace ijepa
