// SVG plot: curves as a figure of an HTML page. Each has a colour, a dash pattern and a marker of
// its own and its name at its end, so that it is told apart without colours, too.
#pragma once
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "ijepa/drawing/plot.hpp"

namespace ijepa::tools {

/// `text` with what HTML and XML would take for markup spelt out; bytes that are no UTF-8 become ?.
std::string escaped(std::string_view text);

/// The bytes as base64 text (RFC 4648), for data: addresses.
std::string base64(std::string_view bytes);

/// Something that happened at a place of the x axis: a symbol on the axis.
struct PlotMark {
  double x = 0;
  std::string symbol, text;
};

/// <figure>: title, `words`, the curves, and a list of them with their last values. Points that are
/// not finite part a curve. Without any point of any curve the figure says that there is none yet.
/// The y axis reaches to `top_at_least`. Colours are the classes s0 to s7 of plot_style().
std::string svg_figure(const Plot& plot, const std::string& words,
                       const std::vector<PlotMark>& marks = {},
                       double top_at_least = -std::numeric_limits<double>::infinity());

/// The CSS of such figures: light and dark by the reader's system, light in print.
std::string plot_style();

}  // namespace ijepa::tools
