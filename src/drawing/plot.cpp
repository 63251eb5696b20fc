#include "ijepa/drawing/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <opencv2/imgproc.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/data/images/canvas.hpp"
#include "ijepa/drawing/lettering.hpp"
#include "ijepa/drawing/plot_axis.hpp"

namespace ijepa {
namespace {

constexpr Letters letters{.size = 0.5};
const cv::Scalar black(30, 30, 30), grey(220, 220, 220);
const std::array<cv::Scalar, 8> colours{cv::Scalar(31, 119, 180),  cv::Scalar(255, 127, 14),
                                        cv::Scalar(44, 160, 44),   cv::Scalar(214, 39, 40),
                                        cv::Scalar(148, 103, 189), cv::Scalar(140, 86, 75),
                                        cv::Scalar(227, 119, 194), cv::Scalar(23, 190, 207)};

int width_of(const std::string& text) {
  return text_width(text, letters.size);
}

const cv::Scalar& colour_of(std::size_t curve) {
  return colours.at(curve % colours.size());
}

class PlotDrawing {
 public:
  PlotDrawing(const Plot& plot, const PlotAxis& x, const PlotAxis& y)
      : plot_(plot), x_(x), y_(y), picture_(plain_image(height, width, 255, 255, 255)) {
    place_names();
  }

  Image draw() {
    draw_axes();
    for (std::size_t i = 0; i < plot_.curves.size(); ++i) draw_curve(plot_.curves[i], colour_of(i));
    return std::move(picture_);
  }

 private:
  static constexpr int width = 960, height = 600;
  static constexpr int left = 90, right = 20, bottom = 60, line = 20, dash = 25;

  /// In rows between title and axes, where no curve can run through them.
  void place_names() {
    write(plot_.title, left, line + 5);
    int at = left, row = 2 * line + 5;
    for (std::size_t i = 0; i < plot_.curves.size(); ++i) {
      const int wide = dash + 7 + width_of(plot_.curves[i].name) + 25;
      if (at > left && at + wide > width) {
        at = left;
        row += line;
      }
      cv::line(canvas_, {at, row - 5}, {at + dash, row - 5}, colour_of(i), 2, cv::LINE_AA);
      write(plot_.curves[i].name, at + dash + 7, row);
      at += wide;
    }
    top_ = row + 15;
  }

  void draw_axes() {
    for (int i = 0; i < x_.marks(); ++i) {
      const double value = x_.low + i * x_.step;
      const auto at = point(value, y_.low);
      cv::line(canvas_, at, point(value, y_.high), grey);
      const auto text = fmt::format("{:.4g}", value);
      write(text, at.x - width_of(text) / 2, at.y + 20);
    }
    for (int i = 0; i < y_.marks(); ++i) {
      const double value = y_.low + i * y_.step;
      const auto at = point(x_.low, value);
      cv::line(canvas_, at, point(x_.high, value), grey);
      const auto text = plot_.logarithmic ? fmt::format("{:.2g}", std::pow(10.0, value))
                                          : fmt::format("{:.4g}", value);
      write(text, at.x - width_of(text) - 8, at.y + 5);
    }
    cv::rectangle(canvas_, point(x_.low, y_.high), point(x_.high, y_.low), black);
    write(plot_.x_label, (width - width_of(plot_.x_label)) / 2, height - 15);
  }

  void draw_curve(const Curve& curve, const cv::Scalar& colour) {
    bool joined = false;
    cv::Point last;
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      const bool finite = std::isfinite(curve.x[i]) && std::isfinite(curve.y[i]);
      if (finite) {
        const auto at = point(curve.x[i], curve.y[i]);
        if (joined) cv::line(canvas_, last, at, colour, 2, cv::LINE_AA);
        if (curve.x.size() <= 60) cv::circle(canvas_, at, 3, colour, cv::FILLED, cv::LINE_AA);
        last = at;
      }
      joined = finite;
    }
  }

  void write(const std::string& text, int from, int baseline) {
    write_text(picture_, text, from, baseline, letters);
  }

  cv::Point point(double x, double y) const {
    return {
        left + static_cast<int>(std::lround(x_.share(x) * (width - left - right))),
        height - bottom - static_cast<int>(std::lround(y_.share(y) * (height - top_ - bottom)))};
  }

  const Plot& plot_;
  PlotAxis x_, y_;
  Image picture_;
  cv::Mat canvas_{height, width, CV_8UC3, picture_.rgb.data()};  // its pixels
  int top_ = 0;
};

/// With the logarithms of y in the place of y where these are asked for.
Plot as_drawn(Plot plot) {
  if (plot.logarithmic)
    for (auto& curve : plot.curves)
      for (double& y : curve.y)
        y = y > 0 ? std::log10(y) : std::numeric_limits<double>::quiet_NaN();
  return plot;
}

}  // namespace

void write_plot(const Plot& plot, const std::string& path) {
  for (const auto& curve : plot.curves)
    check(curve.x.size() == curve.y.size(), "The curve {} has {} x values and {} y values.",
          curve.name, curve.x.size(), curve.y.size());
  const auto shown = as_drawn(plot);
  std::vector<double> xs, ys;
  for (const auto& curve : shown.curves)
    for (std::size_t i = 0; i < curve.x.size(); ++i)
      if (std::isfinite(curve.x[i]) && std::isfinite(curve.y[i])) {
        xs.push_back(curve.x[i]);
        ys.push_back(curve.y[i]);
      }
  check(!xs.empty(), "There is nothing to plot in {}.", path);
  const auto [x_low, x_high] = std::ranges::minmax(xs);
  const auto [y_low, y_high] = std::ranges::minmax(ys);
  const bool whole = std::ranges::all_of(xs, [](double x) { return x == std::floor(x); });
  PlotDrawing drawing(shown, axis_of(x_low, x_high, 6, whole ? 1 : 0), axis_of(y_low, y_high));
  write_png(drawing.draw(), path);
}

}  // namespace ijepa
