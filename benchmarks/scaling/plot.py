"""The picture of a scaling study as SVG, which needs no library: efficiency over ranks beside the
model, and where the time of a step goes."""
import html
import math

WIDTH, HEIGHT, MARGIN = 420, 300, 56
COLOURS = {"strong": "#1f77b4", "weak": "#d95f02"}
PARTS = {"compute": "#4c956c", "rank_wait": "#d95f02", "data_wait": "#7570b3"}
NAMES = {"compute": "compute", "rank_wait": "waiting for ranks", "data_wait": "waiting for data"}


def text(x, y, words, anchor="middle", colour="#333", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{colour}">{html.escape(str(words))}</text>')


def line(x1, y1, x2, y2, colour="#bbb"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


class Axes:
    """A panel whose height is 0 to 1."""

    def __init__(self, left, title, below):
        self.left, self.bottom = left + MARGIN, HEIGHT - MARGIN
        self.width, self.height = WIDTH - MARGIN - 16, HEIGHT - 2 * MARGIN
        self.parts = [text(self.left + self.width / 2, 24, title, size=14),
                      text(self.left + self.width / 2, HEIGHT - 12, below)]
        for share in (0, 0.25, 0.5, 0.75, 1):
            self.parts.append(line(self.left, self.y(share), self.left + self.width, self.y(share)))
            self.parts.append(text(self.left - 6, self.y(share) + 4, f"{share:.0%}", "end"))

    def x(self, share):
        return self.left + share * self.width

    def y(self, share):
        return self.bottom - min(share, 1.15) * self.height


def efficiency_panel(rows, predictions):
    """rows: dicts with form, ranks, efficiency; predictions: {form: [(ranks, efficiency)]}."""
    panel = Axes(0, "efficiency", "ranks")
    counts = sorted({row["ranks"] for row in rows} |
                    {ranks for line_ in predictions.values() for ranks, _ in line_})
    span = max(math.log2(counts[-1] / counts[0]), 1)
    place = lambda ranks: panel.x(0.04 + 0.92 * math.log2(ranks / counts[0]) / span)
    for ranks in counts:
        panel.parts.append(text(place(ranks), panel.bottom + 18, ranks))
    for number, (form, colour) in enumerate(COLOURS.items()):
        points = " ".join(f"{place(r):.1f},{panel.y(e):.1f}" for r, e in predictions.get(form, []))
        panel.parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                           'stroke-dasharray="5 3"/>')
        for row in rows:
            if row["form"] == form:
                panel.parts.append(f'<circle cx="{place(row["ranks"]):.1f}" '
                                   f'cy="{panel.y(row["efficiency"]):.1f}" r="4" fill="{colour}"/>')
        panel.parts.append(text(panel.left + 60 * number, 44, form, "start", colour))
    panel.parts.append(text(panel.left + panel.width, 44, "dots: measured, lines: model", "end"))
    return panel.parts


def shares_panel(rows):
    panel = Axes(WIDTH, "time of a step", "form and ranks")
    slot = panel.width / len(rows)
    for number, row in enumerate(rows):
        left, base = panel.left + slot * (number + 0.15), 0.0
        for part, colour in PARTS.items():
            height = row[part] * panel.height
            panel.parts.append(f'<rect x="{left:.1f}" y="{panel.y(base) - height:.1f}" '
                               f'width="{slot * 0.7:.1f}" height="{height:.1f}" fill="{colour}"/>')
            base += row[part]
        panel.parts.append(text(left + slot * 0.35, panel.bottom + 18,
                                f'{row["form"][0]}{row["ranks"]}'))
    for number, (part, colour) in enumerate(PARTS.items()):
        panel.parts.append(text(panel.left + panel.width * number / 3, 44, NAMES[part], "start",
                                colour))
    return panel.parts


def svg(rows, predictions):
    parts = efficiency_panel(rows, predictions) + shares_panel(rows)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HEIGHT}" '
            'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>' +
            "\n".join(parts) + "</svg>\n")
