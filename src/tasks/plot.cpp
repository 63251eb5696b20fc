#include "ijepa/tasks/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/data/canvas.hpp"
#include "ijepa/tasks/plot_axis.hpp"

namespace ijepa {
namespace {

constexpr int width = 960, height = 600;
constexpr int left = 90, right = 20, top = 40, bottom = 60;
constexpr double text_size = 0.5;

const cv::Scalar black(30, 30, 30), grey(220, 220, 220);
const std::array<cv::Scalar, 8> colours{cv::Scalar(31, 119, 180),  cv::Scalar(255, 127, 14),
                                        cv::Scalar(44, 160, 44),   cv::Scalar(214, 39, 40),
                                        cv::Scalar(148, 103, 189), cv::Scalar(140, 86, 75),
                                        cv::Scalar(227, 119, 194), cv::Scalar(23, 190, 207)};

void write_text(cv::Mat& canvas, const std::string& text, cv::Point at, const cv::Scalar& colour) {
  cv::putText(canvas, text, at, cv::FONT_HERSHEY_SIMPLEX, text_size, colour, 1, cv::LINE_AA);
}

int text_width(const std::string& text) {
  int baseline = 0;
  return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, text_size, 1, &baseline).width;
}

class Drawing {
 public:
  Drawing(const PlotAxis& x, const PlotAxis& y)
      : x_(x), y_(y), canvas_(height, width, CV_8UC3, cv::Scalar::all(255)) {}

  void draw_axes(const Plot& plot) {
    for (int i = 0; i < x_.marks(); ++i) {
      const double value = x_.low + i * x_.step;
      const auto at = point(value, y_.low);
      cv::line(canvas_, at, point(value, y_.high), grey);
      const auto text = fmt::format("{:.4g}", value);
      write_text(canvas_, text, {at.x - text_width(text) / 2, at.y + 20}, black);
    }
    for (int i = 0; i < y_.marks(); ++i) {
      const double value = y_.low + i * y_.step;
      const auto at = point(x_.low, value);
      cv::line(canvas_, at, point(x_.high, value), grey);
      const auto text = fmt::format("{:.4g}", value);
      write_text(canvas_, text, {at.x - text_width(text) - 8, at.y + 5}, black);
    }
    cv::rectangle(canvas_, point(x_.low, y_.high), point(x_.high, y_.low), black);
    write_text(canvas_, plot.title, {left, top - 15}, black);
    write_text(canvas_, plot.x_label, {(width - text_width(plot.x_label)) / 2, height - 15}, black);
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

  void draw_name(const std::string& name, std::size_t row, const cv::Scalar& colour) {
    const int y = top + 20 + static_cast<int>(row) * 20, x = width - right - 50 - text_width(name);
    cv::line(canvas_, {x, y - 5}, {x + 25, y - 5}, colour, 2, cv::LINE_AA);
    write_text(canvas_, name, {x + 32, y}, black);
  }

  Image picture() const { return {height, width, {canvas_.datastart, canvas_.dataend}}; }

 private:
  cv::Point point(double x, double y) const {
    return {left + static_cast<int>(std::lround(x_.share(x) * (width - left - right))),
            height - bottom - static_cast<int>(std::lround(y_.share(y) * (height - top - bottom)))};
  }

  PlotAxis x_, y_;
  cv::Mat canvas_;  // red first
};

}  // namespace

void write_plot(const Plot& plot, const std::string& path) {
  std::vector<double> xs, ys;
  for (const auto& curve : plot.curves) {
    check(curve.x.size() == curve.y.size(), "The curve {} has {} x values and {} y values.",
          curve.name, curve.x.size(), curve.y.size());
    for (std::size_t i = 0; i < curve.x.size(); ++i)
      if (std::isfinite(curve.x[i]) && std::isfinite(curve.y[i])) {
        xs.push_back(curve.x[i]);
        ys.push_back(curve.y[i]);
      }
  }
  check(!xs.empty(), "There is nothing to plot in {}.", path);
  const auto [x_low, x_high] = std::ranges::minmax(xs);
  const auto [y_low, y_high] = std::ranges::minmax(ys);
  Drawing drawing(axis_of(x_low, x_high), axis_of(y_low, y_high));
  drawing.draw_axes(plot);
  for (std::size_t i = 0; i < plot.curves.size(); ++i)
    drawing.draw_curve(plot.curves[i], colours.at(i % colours.size()));
  for (std::size_t i = 0; i < plot.curves.size(); ++i)
    drawing.draw_name(plot.curves[i].name, i, colours.at(i % colours.size()));
  write_png(drawing.picture(), path);
}

}  // namespace ijepa
