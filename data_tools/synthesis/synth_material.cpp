#include "data_tools/synthesis/synth_material.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

#include "data_tools/synthesis/synth_texture.hpp"

namespace ijepa::synth {
namespace {

constexpr double two_pi = 2 * std::numbers::pi;

/// A signed distance to an outline, in cells, as coverage: soft over `edge` cells.
double inside(double distance, double edge) {
  return std::clamp(0.5 + distance / edge, 0.0, 1.0);
}

/// 0 at whole numbers, 1 halfway between them.
double wave(double t) {
  return 2 * std::abs(t - std::floor(t + 0.5));
}

double fraction(double t) {
  return t - std::floor(t);
}

/// Bands of two tones along a coordinate that counts them; `duty` is the share of the first.
double bands(double t, double duty, double edge) {
  return inside((wave(t) - duty) / 2, edge);
}

double draw_duty(Rng& rng) {
  return rng.uniform(0.35, 0.65);
}

Pattern stripes(Rng& rng, const Lattice& l) {
  const double duty = draw_duty(rng);
  return [=](double x, double y) { return bands(l.at(x, y).x, duty, l.edge); };
}

Pattern waves(Rng& rng, const Lattice& l) {
  const double duty = draw_duty(rng), height = rng.uniform(0.2, 0.35), rate = rng.uniform(0.3, 0.6);
  return [=](double x, double y) {
    const auto p = l.at(x, y);
    return bands(p.x + height * std::sin(two_pi * rate * p.y), duty, l.edge);
  };
}

Pattern zigzag(Rng& rng, const Lattice& l) {
  const double duty = draw_duty(rng), rate = rng.uniform(0.5, 0.9);
  return [=](double x, double y) {
    const auto p = l.at(x, y);
    return bands(p.x + wave(rate * p.y) / 2, duty, l.edge);
  };
}

Pattern checks(Rng&, const Lattice& l) {
  return [=](double x, double y) {
    const auto p = l.at(x, y) * std::numbers::pi;
    return inside(std::sin(p.x) * std::sin(p.y) / 3, l.edge);
  };
}

Pattern rings(Rng& rng, const Lattice& l) {
  const double duty = draw_duty(rng);
  const double cx = rng.uniform(-0.2, 1.2) * l.size, cy = rng.uniform(-0.2, 1.2) * l.size;
  return [=](double x, double y) {
    return bands(std::hypot(x - cx, y - cy) / l.pitch + l.origin.x, duty, l.edge);
  };
}

Pattern rays(Rng& rng, const Lattice& l) {
  const double duty = draw_duty(rng), count = static_cast<double>(8 + rng.below(7));
  const double cx = rng.uniform(-0.1, 1.1) * l.size, cy = rng.uniform(-0.1, 1.1) * l.size;
  return [=](double x, double y) {
    return bands(std::atan2(y - cy, x - cx) / two_pi * count + l.origin.x, duty, l.edge);
  };
}

Pattern spiral(Rng& rng, const Lattice& l) {
  const double duty = draw_duty(rng), arms = static_cast<double>(2 + rng.below(3));
  const double cx = rng.uniform(0.1, 0.9) * l.size, cy = rng.uniform(0.1, 0.9) * l.size;
  return [=](double x, double y) {
    const double turn = std::atan2(y - cy, x - cx) / two_pi;
    return bands(arms * turn + std::hypot(x - cx, y - cy) / l.pitch, duty, l.edge);
  };
}

/// Discs on a grid of equal triangles.
Pattern dots(Rng& rng, const Lattice& l) {
  const double radius = rng.uniform(0.26, 0.38);
  return [=](double x, double y) {
    constexpr double height = 0.866;  // of a triangle of side 1
    const auto p = l.at(x, y);
    const double row = std::floor(p.y / height);
    const double u = fraction(p.x + 0.5 * std::fmod(row, 2)) - 0.5;
    return inside(radius - std::hypot(u, (p.y / height - row - 0.5) * height), l.edge);
  };
}

Pattern bricks(Rng& rng, const Lattice& l) {
  const double joint = rng.uniform(0.07, 0.14);
  return [=](double x, double y) {
    const auto p = l.at(x, y);
    const double u = 2 * fraction(p.x / 2 + 0.5 * std::fmod(std::floor(p.y), 2)), v = fraction(p.y);
    return inside(std::min({v, 1 - v, u, 2 - u}) - joint, l.edge);
  };
}

Pattern crosses(Rng& rng, const Lattice& l) {
  const double half = rng.uniform(0.1, 0.16);
  return [=](double x, double y) {
    constexpr double arm = 0.4;
    const auto p = l.at(x, y);
    const double u = std::abs(fraction(p.x) - 0.5), v = std::abs(fraction(p.y) - 0.5);
    return inside(std::max(std::min(half - u, arm - v), std::min(half - v, arm - u)), l.edge);
  };
}

/// Overlapping arcs, as of fish or roofs.
Pattern scales(Rng& rng, const Lattice& l) {
  const double radius = rng.uniform(0.36, 0.46);
  return [=](double x, double y) {
    const auto p = l.at(x, y);
    const double row = std::floor(2 * p.y);
    const double u = fraction(p.x + 0.5 * std::fmod(row, 2)) - 0.5;
    return inside(std::abs(std::hypot(u, (2 * p.y - row) / 2) - radius) - 0.08, l.edge);
  };
}

/// Two bands that go over and under each other.
Pattern weave(Rng& rng, const Lattice& l) {
  const double width = rng.uniform(0.2, 0.3);
  return [=](double x, double y) {
    const auto p = l.at(x, y);
    const bool over = std::fmod(std::floor(p.x) + std::floor(p.y), 2) < 1;
    const double across = std::abs(fraction(over ? p.x : p.y) - 0.5);
    return inside(std::abs(across - width) - 0.08, l.edge);
  };
}

/// Numbers at the corners of a grid that repeats beyond what an image shows.
class Grid {
 public:
  explicit Grid(Rng& rng) : values_(std::make_shared<std::vector<double>>(side * side * 2)) {
    for (auto& v : *values_) v = rng.uniform();
  }
  double operator()(double column, double row, int which = 0) const {
    const auto i = static_cast<std::size_t>(column) % side;
    const auto j = static_cast<std::size_t>(row) % side;
    return (*values_)[(i * side + j) * 2 + static_cast<std::size_t>(which)];
  }

 private:
  static constexpr std::size_t side = 32;
  std::shared_ptr<std::vector<double>> values_;  // patterns are copied
};

/// Distances from p to the nearest and to the second nearest of one random point a cell.
std::pair<double, double> nearest_two(const Grid& grid, cv::Point2d p) {
  double first = std::numeric_limits<double>::max(), second = first;
  for (int di = -1; di <= 1; ++di)
    for (int dj = -1; dj <= 1; ++dj) {
      const double i = std::floor(p.x) + di, j = std::floor(p.y) + dj;
      const double d = std::hypot(p.x - i - grid(i, j, 0), p.y - j - grid(i, j, 1));
      second = std::min(second, std::max(d, first));
      first = std::min(first, d);
    }
  return {first, second};
}

/// Voronoi cells with joints.
Pattern cells(Rng& rng, const Lattice& l) {
  const double joint = rng.uniform(0.06, 0.12);
  const Grid grid(rng);
  return [=](double x, double y) {
    const auto [first, second] = nearest_two(grid, l.at(x, y));
    return inside((second - first) / 2 - joint, l.edge);
  };
}

/// Discs at random places.
Pattern pebbles(Rng& rng, const Lattice& l) {
  const double radius = rng.uniform(0.26, 0.36);
  const Grid grid(rng);
  return [=](double x, double y) {
    return inside(radius - nearest_two(grid, l.at(x, y)).first, l.edge);
  };
}

/// Smooth noise between the corners of the grid.
double noise(const Grid& grid, cv::Point2d p) {
  const double i = std::floor(p.x), j = std::floor(p.y);
  const auto ease = [](double t) { return t * t * (3 - 2 * t); };
  const double u = ease(p.x - i), v = ease(p.y - j);
  return std::lerp(std::lerp(grid(i, j), grid(i + 1, j), u),
                   std::lerp(grid(i, j + 1), grid(i + 1, j + 1), u), v);
}

/// Patches drawn out along one direction, as of wood or fur.
Pattern grain(Rng& rng, const Lattice& l) {
  const double level = rng.uniform(0.45, 0.55);
  const Grid coarse(rng), fine(rng);
  return [=](double x, double y) {
    constexpr double stretch = 3;
    const auto p = l.at(x, y);
    const cv::Point2d q{1.2 * p.x, 1.2 * p.y / stretch};
    const double value = (noise(coarse, q) + noise(fine, 2 * q) / 2) / 1.5;
    return inside((value - level) / 1.5, 1.2 * l.edge);
  };
}

/// Triangles that point up and down in turn.
Pattern triangles(Rng& rng, const Lattice& l) {
  const double joint = rng.uniform(0.0, 0.06);
  return [=](double x, double y) {
    const auto p = l.at(x, y);
    const double u = fraction(p.x + 0.5 * std::fmod(std::floor(p.y), 2)), v = fraction(p.y);
    return inside((v - std::abs(2 * u - 1)) / 2.24 - joint, l.edge);  // 2.24: gradient's length
  };
}

Lattice draw_lattice(Rng& rng, int size) {
  const double angle = rng.uniform(0, two_pi), pitch = rng.uniform(9, 16) / 64 * size;
  const double u = rng.uniform(100, 1000), v = rng.uniform(100, 1000);
  return {std::cos(angle), std::sin(angle), pitch, {u, v}, static_cast<double>(size), 1.2 / pitch};
}

/// Two greys at least a quarter apart, with a common tint and little difference in it.
ColourPair draw_tones(Rng& rng) {
  const auto tint = [&](double strength) {
    Colour c;
    for (int i = 0; i < 3; ++i) c[i] = static_cast<float>(strength * rng.normal());
    const float mean = (c[0] + c[1] + c[2]) / 3;
    return c - Colour::all(mean);
  };
  double grey = 0, other = 0;
  do {
    grey = rng.uniform(0.1, 0.9);
    other = rng.uniform(0.1, 0.9);
  } while (std::abs(grey - other) < 0.25 || std::abs(grey - other) > 0.5);
  const auto common = tint(0.1), own = tint(0.05);
  return {Colour::all(static_cast<float>(grey)) + common,
          Colour::all(static_cast<float>(other)) + common + own};
}

}  // namespace

const std::vector<Material>& all_materials() {
  static const std::vector<Material> materials{
      {"stripes", stripes}, {"waves", waves},     {"zigzag", zigzag},       {"checks", checks},
      {"rings", rings},     {"dots", dots},       {"bricks", bricks},       {"cells", cells},
      {"grain", grain},     {"rays", rays},       {"crosses", crosses},     {"scales", scales},
      {"weave", weave},     {"pebbles", pebbles}, {"triangles", triangles}, {"spiral", spiral}};
  return materials;
}

cv::Mat paint_material(Rng& rng, const Material& material, int size) {
  const auto lattice = draw_lattice(rng, size);
  const auto pattern = material.draw(rng, lattice);
  const auto tones = draw_tones(rng);
  cv::Mat out(size, size, CV_32FC3);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      out.at<Colour>(y, x) =
          tones[0] + (tones[1] - tones[0]) * static_cast<float>(pattern(x + 0.5, y + 0.5));
  return out;
}

}  // namespace ijepa::synth
