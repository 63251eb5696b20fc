// Plot: curves over one axis as a PNG: what training leaves behind beside its CSV file.
#pragma once
#include <string>
#include <vector>

namespace ijepa {

struct Curve {
  std::string name;          // in the legend
  std::vector<double> x, y;  // of one length; points that are not finite are left out
};

struct Plot {
  std::string title, x_label;  // title: what y is, and its unit
  std::vector<Curve> curves;
  bool logarithmic = false;  // y; values that are not above 0 are left out
};

/// Axes fit the finite points, and names stand above them; a picture of 960 x 600 pixels. The file
/// appears whole or not at all. An Error when no curve has a point or a curve's x and y differ in
/// length.
void write_plot(const Plot& plot, const std::string& path);

}  // namespace ijepa
