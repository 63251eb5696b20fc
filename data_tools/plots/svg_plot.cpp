#include "data_tools/plots/svg_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "ijepa/drawing/plot_axis.hpp"

namespace ijepa::tools {
namespace {

constexpr double width = 520, height = 290;
constexpr double left = 62, right = 118, top = 14, bottom = 44;
constexpr std::size_t styles = 8, longest_name = 12;
/// Strokes and gaps of each curve, in the order of the colours.
constexpr std::array<const char*, styles> dashes{"",        "9 4",      "2 3", "12 3 2 3",
                                                 "5 2 5 6", "14 5 5 5", "2 6", "9 3 2 3 2 3"};

bool finite_at(const Curve& curve, std::size_t i) {
  return std::isfinite(curve.x[i]) && std::isfinite(curve.y[i]);
}

/// A marker of 9 units around (x, y).
std::string marker(std::size_t style, double x, double y) {
  const auto path = [&](const char* steps) {
    return fmt::format("<path d=\"M{:.1f} {:.1f}{}\" class=\"m s{}\"/>", x, y, steps, style);
  };
  switch (style) {
    case 0:
      return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" class=\"m s0\"/>", x, y);
    case 1:
      return path("m-4 -4h8v8h-8z");
    case 2:
      return path("m0 -5l5 9h-10z");
    case 3:
      return path("m0 -6l5 6l-5 6l-5 -6z");
    case 4:
      return path("m-4 -4l8 8m0 -8l-8 8");
    case 5:
      return path("m0 -5v10m-5 -5h10");
    case 6:
      return path("m0 5l5 -9h-10z");
    default:
      return path("m-5 0h10");
  }
}

class Figure {
 public:
  Figure(const Plot& plot, double top_at_least) : plot_(plot) {
    std::vector<double> xs, ys;
    for (const auto& curve : plot.curves)
      for (std::size_t i = 0; i < curve.x.size(); ++i)
        if (finite_at(curve, i)) {
          xs.push_back(curve.x[i]);
          ys.push_back(curve.y[i]);
        }
    empty_ = xs.empty();
    if (empty_) return;
    const auto [x_low, x_high] = std::ranges::minmax(xs);
    const auto [y_low, y_high] = std::ranges::minmax(ys);
    x_ = axis_of(std::min(x_low, 0.0), x_high, 5);
    y_ = axis_of(y_low, std::max(y_high, top_at_least), 5);
  }

  bool empty() const { return empty_; }

  std::string svg(const std::vector<PlotMark>& marks) const {
    std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
                                  width, height, escaped(plot_.title));
    out += axes();
    for (std::size_t c = 0; c < plot_.curves.size(); ++c) out += curve(c);
    for (const auto& mark : marks)
      if (mark.x >= x_.low && mark.x <= x_.high)
        out += fmt::format(
            "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}<title>{}</title></text>",
            place_x(mark.x), height - bottom - 3, escaped(mark.symbol), escaped(mark.text));
    return out + names() + "</svg>";
  }

 private:
  double place_x(double x) const { return left + x_.share(x) * (width - left - right); }
  double place_y(double y) const { return height - bottom - y_.share(y) * (height - top - bottom); }

  std::string axes() const {
    std::string out;
    for (int i = 0; i < y_.marks(); ++i) {
      const double value = y_.low + i * y_.step, y = place_y(value);
      out += fmt::format(
          "<path d=\"M{} {:.1f}H{}\" class=\"grid\"/><text x=\"{}\" y=\"{:.1f}\" "
          "text-anchor=\"end\">{:.4g}</text>",
          left, y, width - right, left - 6, y + 5, std::abs(value) < 1e-12 ? 0.0 : value);
    }
    for (int i = 0; i < x_.marks(); ++i) {
      const double value = x_.low + i * x_.step, x = place_x(value);
      out += fmt::format(
          "<path d=\"M{:.1f} {}v5\" class=\"axis\"/><text x=\"{:.1f}\" y=\"{}\" "
          "text-anchor=\"middle\">{:.4g}</text>",
          x, height - bottom, x, height - bottom + 19, value);
    }
    return out + fmt::format(
                     "<path d=\"M{} {}V{}H{}\" class=\"axis\"/><text x=\"{}\" y=\"{}\" "
                     "text-anchor=\"middle\">{}</text>",
                     left, top, height - bottom, width - right, (left + width - right) / 2,
                     height - 6, escaped(plot_.x_label));
  }

  /// The line, and markers at all of a few points or at a few of all.
  std::string curve(std::size_t c) const {
    const Curve& curve = plot_.curves[c];
    const std::size_t style = c % styles, count = curve.x.size();
    if (count == 0) return "";
    constexpr std::size_t most_markers = 8;
    const std::size_t every = count <= 2 * most_markers ? 1 : count / most_markers;
    std::string line, markers;
    bool joined = false;
    for (std::size_t i = 0; i < count; ++i) {
      if (!finite_at(curve, i)) {
        joined = false;
        continue;
      }
      const double x = place_x(curve.x[i]), y = place_y(curve.y[i]);
      line += fmt::format("{}{:.1f} {:.1f}", joined ? "L" : "M", x, y);
      if ((i + c) % every == 0 || count == 1) markers += marker(style, x, y);
      joined = true;
    }
    return fmt::format("<path d=\"{}\" class=\"l s{}\" stroke-dasharray=\"{}\"/>{}", line, style,
                       dashes.at(style), markers);
  }

  /// Names at the ends of curves, moved apart where they would cover one another.
  std::string names() const {
    constexpr double apart = 16;
    std::vector<std::size_t> order;
    std::vector<double> at(plot_.curves.size());
    for (std::size_t c = 0; c < plot_.curves.size(); ++c) {
      const auto& curve = plot_.curves[c];
      for (std::size_t i = curve.x.size(); i-- > 0;)
        if (finite_at(curve, i)) {
          at[c] = place_y(curve.y[i]) + 5;
          order.push_back(c);
          break;
        }
    }
    std::ranges::sort(order, {}, [&](std::size_t c) { return at[c]; });
    for (std::size_t i = 1; i < order.size(); ++i)
      at[order[i]] = std::max(at[order[i]], at[order[i - 1]] + apart);
    double limit = height - bottom + 5;
    for (std::size_t i = order.size(); i-- > 0; limit = at[order[i]] - apart)
      at[order[i]] = std::min(at[order[i]], limit);
    std::string out;
    for (const auto c : order) {
      auto name = plot_.curves[c].name;
      if (name.size() > longest_name) name = name.substr(0, longest_name - 1) + "\u2026";
      out += fmt::format("<text x=\"{}\" y=\"{:.1f}\" class=\"t s{}\">{}</text>",
                         width - right + 10, at[c], c % styles, escaped(name));
    }
    return out;
  }

  const Plot& plot_;
  PlotAxis x_, y_;
  bool empty_ = false;
};

std::string legend(const Plot& plot, const std::vector<PlotMark>& marks) {
  std::string out = "<ul class=\"legend\">";
  for (std::size_t c = 0; c < plot.curves.size(); ++c) {
    const auto& curve = plot.curves[c];
    std::size_t last = curve.y.size();
    while (last > 0 && !finite_at(curve, last - 1)) --last;
    if (last == 0) continue;
    const std::size_t style = c % styles;
    out += fmt::format(
        "<li><svg viewBox=\"0 0 44 14\" class=\"key\" aria-hidden=\"true\"><path d=\"M0 7H44\" "
        "class=\"l s{}\" stroke-dasharray=\"{}\"/>{}</svg> {} <b>{:.4g}</b></li>",
        style, dashes.at(style), marker(style, 22, 7), escaped(curve.name), curve.y[last - 1]);
  }
  std::vector<std::string> seen;
  for (const auto& mark : marks) {
    const auto line = fmt::format("<li>{} {}</li>", escaped(mark.symbol), escaped(mark.text));
    if (std::ranges::count(seen, line) == 0) out += seen.emplace_back(line);
  }
  return out + "</ul>";
}

/// Length of the UTF-8 sequence at the start of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const char c = text.front();
    if (length == 0 || (length == 1 && c < ' ' && c != '\n' && c != '\t')) {
      out += '?';
    } else if (length > 1) {
      out += text.substr(0, length);
    } else {
      out += c == '<'   ? "&lt;"
             : c == '>' ? "&gt;"
             : c == '&' ? "&amp;"
             : c == '"' ? "&quot;"
                        : std::string(1, c);
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > bytes.size() ? '=' : digits[three >> (18 - 6 * k) & 63];
  }
  return out;
}

std::string svg_figure(const Plot& plot, const std::string& words,
                       const std::vector<PlotMark>& marks, double top_at_least) {
  const Figure figure(plot, top_at_least);
  const auto head = fmt::format("<figure><figcaption><h3>{}</h3><p>{}</p></figcaption>",
                                escaped(plot.title), escaped(words));
  if (figure.empty())
    return head + "<p class=\"none\">There is no figure of it yet.</p></figure>\n";
  return head + figure.svg(marks) + legend(plot, marks) + "</figure>\n";
}

std::string plot_style() {
  // Okabe and Ito's colours, which people with any colour vision tell apart, and lighter ones for
  // a dark page.
  constexpr std::array<const char*, styles> light{"#0072b2", "#b34d00", "#007a5a", "#a0457d",
                                                  "#444444", "#8a6d00", "#2c7fb8", "#993333"};
  constexpr std::array<const char*, styles> dark{"#56b4e9", "#f0a35e", "#3fcf9f", "#e39ac6",
                                                 "#cccccc", "#f0e442", "#9ecae1", "#ff9d9d"};
  std::string day, night, rules;
  for (std::size_t i = 0; i < styles; ++i) {
    day += fmt::format("--s{}:{};", i, light.at(i));
    night += fmt::format("--s{}:{};", i, dark.at(i));
    rules += fmt::format(".s{0}{{stroke:var(--s{0})}}text.s{0}{{fill:var(--s{0})}}", i);
  }
  return fmt::format(
      ":root{{{}--line:#c9cdd2;--axis:#5b626b}}\n"
      "@media screen and (prefers-color-scheme:dark){{:root{{{}--line:#3a4048;--axis:#9aa3ad}}}}\n"
      "svg{{width:100%;height:auto;display:block}}svg text{{font-size:14px;fill:currentColor}}\n"
      "{}\n.l{{fill:none;stroke-width:2;stroke-linejoin:round}}.m{{fill:var(--page);stroke-width:2}"
      "}\n"
      "svg text.t{{stroke:none;font-weight:600}}.grid{{stroke:var(--line)}}"
      ".axis{{stroke:var(--axis);fill:none}}\n"
      ".legend{{list-style:none;margin:.4rem 0 0;padding:0;display:flex;flex-wrap:wrap;"
      "gap:.2rem 1.2rem;font-size:.9rem}}.key{{width:44px;height:14px;display:inline-block;"
      "vertical-align:middle}}\n",
      day, night, rules);
}

}  // namespace ijepa::tools
