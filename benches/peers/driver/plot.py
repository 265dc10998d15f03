"""Results as a picture in SVG: a panel for each workload, in it a bar for each peer, best first.

Bars are multiples of what cede needs (of what the best needs, where cede is not in the row), along a line from 0 where that
can be read, and logarithmic where the multiples lie too far apart. A line stands at 1, so what is to its right is behind cede.
The picture has its own background, so that it is readable on dark pages too.
"""
from __future__ import annotations

import math
from xml.sax.saxutils import escape

from .catalogue import CELLS, FLOOR, OTHER, OURS, PEERS, PLOTTED_METRIC, RUST, SERVERS, row_of
from .results import OURS_NAME, is_floor, metric_of
from .table import rounds, shown

COLUMNS = 3
PANEL_WIDTH, GAP, MARGIN = 372, 26, 28
NAME_WIDTH, BAR_WIDTH = 112, 150
HEADING, LINE, BAR = 58, 19, 13
TOP, BOTTOM = 92, 44
LINEAR_MAX = 9  # times the least

INK, QUIET, GRID, PAPER = "#1f2933", "#66727f", "#e1e5ea", "#ffffff"
FILL = {OURS: "#d9480f", RUST: "#4a6fa5", OTHER: "#a9b7c9", FLOOR: PAPER}
LEGEND = {OURS: "cede", RUST: "Rust", OTHER: "other languages", FLOOR: "floor: by hand, or a bare switch"}
NOT_SHOWN = {"may-mpsc"}  # slower ways of what another bar shows
SHOWN_AS = {"go": "Go", "boost": "Boost", "pygen": "Python", "asyncio-proto": "asyncio callbacks",
            "uvloop-proto": "uvloop callbacks", "aiohttp-uvloop": "aiohttp, uvloop", "floor": "by hand"}
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


def text(x, y, what, size=12, anchor="start", colour=INK, weight="normal"):
    """Text that hides the lines behind it."""
    style = f"font-size='{size}' text-anchor='{anchor}' fill='{colour}' font-weight='{weight}'"
    style += f" stroke='{PAPER}' stroke-width='3' stroke-linejoin='round' paint-order='stroke'"
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(what)}</text>"


def rectangle(x, y, width, height, kind):
    line = f"stroke='{QUIET}' stroke-dasharray='3 2'" if kind == FLOOR else "stroke='none'"
    return f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 1):.1f}' height='{height}' rx='1.5' fill='{FILL[kind]}' {line}/>"


def vertical(x, top, bottom, colour, width=1):
    return f"<line x1='{x:.1f}' x2='{x:.1f}' y1='{top:.1f}' y2='{bottom:.1f}' stroke='{colour}' stroke-width='{width}'/>"


def series(least, most):
    """1, 2 and 5 times the powers of ten, from the last one at or below `least` to `most`."""
    power = math.floor(math.log10(least))
    numbers = [digit * 10.0**exponent for exponent in range(power, math.ceil(math.log10(most)) + 1) for digit in (1, 2, 5)]
    first = max(number for number in numbers if number <= least * 1.0001)
    return [number for number in numbers if first <= number <= most]


class Scale:
    """Where a multiple lies along the bars, and which multiples have a line."""

    def __init__(self, multiples):
        least, most = min(multiples), max(max(multiples), 1.0)
        self.is_linear = most / least <= LINEAR_MAX
        if self.is_linear:
            self.start, self.most = 0.0, most
            step = next(step for step in (0.25, 0.5, 1, 2) if most / step <= 5 or step == 2)
            self.lines = [step * i for i in range(int(most / step) + 1)]
        else:
            every = series(min(least, 1.0) / 1.5, most)
            self.start, self.most = every[0], most
            decades = [number for number in every if math.isclose(math.log10(number) % 1, 0, abs_tol=1e-9)]
            self.lines = every if len(every) <= 5 else decades

    def at(self, multiple):
        if self.is_linear:
            return BAR_WIDTH * multiple / self.most
        return BAR_WIDTH * math.log(multiple / self.start) / math.log(self.most / self.start)


def kind_of(name, workload):
    if is_floor(name, workload):
        return FLOOR
    return PEERS[name].kind if name in PEERS else RUST


class Panel:
    def __init__(self, row, title, found, failed):
        self.workload, self.title = metric_of(row)[0], title
        self.unit = found["unit"]
        figures = {name: peer["median"] for name, peer in found["peers"].items() if name not in NOT_SHOWN}
        self.bars = {name: value for name, value in figures.items() if value > 0}
        self.failed = {}
        for name, why in failed.items():
            if name not in self.bars and name not in NOT_SHOWN:
                self.failed.setdefault(short(why), []).append(shown_as(name))
        least = min((value for name, value in self.bars.items() if kind_of(name, self.workload) != FLOOR),
                    default=min(self.bars.values()))
        self.unit_value = self.bars.get(OURS_NAME, least)
        self.scale = Scale([value / self.unit_value for value in self.bars.values()])

    def height(self):
        return HEADING + LINE * (len(self.bars) + len(self.failed))

    def draw(self, left, top):
        start, first = left + NAME_WIDTH, top + HEADING
        bottom = first + LINE * len(self.bars) - 2
        kind = "" if self.scale.is_linear else ", logarithmic"
        out = [text(left, top + 14, self.title, 14, weight="600"), text(left, top + 30, self.unit_text() + kind, 11, colour=QUIET)]
        for multiple in self.scale.lines:
            x = start + self.scale.at(multiple)
            out += [vertical(x, first - 4, bottom, GRID), text(x, first - 7, f"{multiple:g}×", 9.5, "middle", QUIET)]
        tops = [first + LINE * number for number in range(len(self.bars))]
        for (name, value), y in zip(self.bars.items(), tops):
            length = self.scale.at(value / self.unit_value)
            out.append(rectangle(start, y, length, BAR, kind_of(name, self.workload)))
        out.append(vertical(start + self.scale.at(1), first - 4, bottom, FILL[OURS] if OURS_NAME in self.bars else QUIET))
        for (name, value), y in zip(self.bars.items(), tops):
            out += self.labels(name, value, start, y + BAR - 2)
        for number, (why, names) in enumerate(self.failed.items(), len(self.bars)):
            out.append(text(start, first + LINE * number + BAR - 2, f"{why}: {', '.join(names)}", 11, colour=QUIET))
        return out

    def labels(self, name, value, start, y):
        multiple = value / self.unit_value
        weight = "700" if kind_of(name, self.workload) == OURS else "normal"
        figure = shown(value) + ("" if name == OURS_NAME else f" ({times_text(multiple)})")
        return [
            text(start - 7, y, shown_as(name), 12, "end", weight=weight),
            text(start + max(self.scale.at(multiple), 1) + 5, y, figure, 11, weight=weight),
        ]

    def unit_text(self):
        return {"ns": "nanoseconds", "bytes": "bytes"}[self.unit]


def times_text(multiple):
    return f"{multiple:,.0f}×" if multiple >= 10 else f"{multiple:.1f}×" if multiple >= 1.95 else f"{multiple:.2f}×"


def shown_as(name):
    return SHOWN_AS.get(name, name)


def short(why):
    """A failure in a few words."""
    return why if len(why) <= 30 else "fails"


def panels_of(results):
    titled = {row: (row, cell.title) for row, cell in CELLS.items() if cell.title}
    titled |= {row_of(name, PLOTTED_METRIC): (name, server.title) for name, server in SERVERS.items() if server.title}
    rows = {row: found for row, found in results["rows"].items() if any(peer["median"] for peer in found["peers"].values())}
    return [Panel(row, title, rows[row], results["failed"].get(cell, {})) for row, (cell, title) in titled.items() if row in rows]


def draw(results):
    """The whole picture."""
    panels = panels_of(results)
    width = 2 * MARGIN + COLUMNS * PANEL_WIDTH + (COLUMNS - 1) * GAP
    out = [
        text(MARGIN, 36, "cede beside others: shorter is better", 20, weight="700"),
        text(MARGIN, 57, "In brackets: how many times as much as cede. Medians, on one thread.", 12, colour=QUIET),
        *legend(MARGIN, 70),
    ]
    top = TOP
    for first in range(0, len(panels), COLUMNS):
        group = panels[first:first + COLUMNS]
        top += GAP / 2
        for column, panel in enumerate(group):
            out += panel.draw(MARGIN + column * (PANEL_WIDTH + GAP), top)
        top += max(panel.height() for panel in group) + GAP / 2
    height = top + BOTTOM
    out.append(text(MARGIN, height - 20, footer(results["meta"]), 11, colour=QUIET))
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height:.0f}' width='{width}' height='{height:.0f}' {FONT}>"
    title = "<title>Time and memory that cede and others need for the same work</title>"
    return "\n".join([head, title, f"<rect width='100%' height='100%' fill='{PAPER}'/>", *out, "</svg>\n"])


def legend(x, y):
    out = []
    for kind, what in LEGEND.items():
        out += [rectangle(x, y, 22, BAR, kind), text(x + 28, y + BAR - 2, what)]
        x += 28 + 7 * len(what) + 22
    return out


def footer(meta):
    return (f"{rounds(meta)} on {meta['started'][:10]}, {meta['processor']}, {meta['cores']} cores, Linux {meta['kernel']}. "
            f"By benches/peers/run-peers.py.")
