// PlotAxis: the ends of a plot's axis and where its marks are.
#pragma once

namespace ijepa {

/// Lowest and highest value of an axis, and the step between its marks: 1, 2 or 5 times a power of
/// ten. Both ends are marks.
struct PlotAxis {
  double low = 0, high = 1, step = 0.2;

  /// Where `value` lies: 0 at the low end, 1 at the high one.
  double share(double value) const { return (value - low) / (high - low); }
  /// Number of marks; the i-th is at low + i step.
  int marks() const;
};

/// The axis around finite values from `low` to `high` with about `marks` steps; around one value a
/// band. `least_step` 1, for what is counted, such as epochs: no marks between whole numbers.
PlotAxis axis_of(double low, double high, int marks = 6, double least_step = 0);

}  // namespace ijepa
