"""What all charts share: the look of each kind of worker, figures and axes, and their colours on dark paper.

Colours are near those of Okabe and Ito, but dark enough to be read as text on white paper; colour-blind readers can
tell them apart, and each kind of worker has a marker of its own, too. A hue means a kind of worker in every chart.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from . import words

LOOKS = json.loads(Path(__file__).with_name("looks.json").read_text(encoding="utf-8"))
HUES = {kind: (look["color"], look.pop("on_dark")) for kind, look in LOOKS.items()}  # on light paper, on dark paper
INK, PAPER = 0.92, 0.07  # lightness of what is black and white on light paper
STRONG = {"linewidth": 2.2, "markersize": 9, "markeredgecolor": "white", "markeredgewidth": 0.5}  # medians
SMALL = {"linestyle": "", "markersize": 4, "markeredgewidth": 0}  # every run, under its median
BET = {"color": "black", "marker": "*", "fillstyle": "none", "markersize": 15, "linestyle": ""}
REFERENCE = {"color": "#555555", "linestyle": "--", "linewidth": 1}  # what a value is compared with

LEGEND = {"loc": "lower center", "bbox_to_anchor": (0.45, 1.0), "frameon": False, "fontsize": 10}  # above the axes
APART = 13  # points between the names of lines that end close together
DPI = 150  # of a picture 7.2 inches wide, shown 720 pixels wide on screens of one or two dots a pixel


def figure(height: float = 4.8, title: str = "") -> Figure:
    """An empty figure as wide as a page, `height` inches high, with a title: what came out, as far as its sentence."""
    whole = Figure(figsize=(7.2, height), dpi=DPI, layout="constrained")
    whole.suptitle(title[:1].upper() + title[1:], x=0.01, ha="left", fontsize=11, weight="bold", wrap=True)
    return whole


def stacked(height: float, title: str, heights, sharex: bool = True):
    """The axes of such a figure below each other, in these proportions of their heights."""
    return figure(height, title).subplots(len(heights), sharex=sharex, squeeze=False, height_ratios=heights)[:, 0]


def dark(colors):
    """What stands for these colours on dark paper, where white is nearly black; colors, and the result: n × 3, 0 to 1.

    A kind's colour becomes the one it has there, in mixtures with white, too: those are edges and tints. Of other
    colours the lightness is turned over, and the differences of red, green and blue stay.
    """
    here, there = (to_rgba_array(hues)[:, :3] for hues in zip(*HUES.values(), strict=True))
    gone, ways = 1 - colors, 1 - here
    share = gone @ ways.T / (ways**2).sum(axis=1)  # of a kind's colour in each
    off = numpy.linalg.norm(gone[:, None] - share[..., None] * ways, axis=2)
    kind, each = off.argmin(axis=1), range(len(colors))
    mixed = PAPER + share[each, kind][:, None] * (there[kind] - PAPER)
    lightness = (colors.max(axis=1) + colors.min(axis=1)) / 2
    turned = colors + (INK - (1 + INK - PAPER) * lightness)[:, None]
    return numpy.where(off.min(axis=1)[:, None] < 0.04, mixed, turned).clip(0, 1)


def finish(figure):
    """Set the look that all charts share on the figure itself: matplotlib's settings are the student's."""
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=11, grid_color="#DDDDDD")
        ax.xaxis.label.set_size(11)
        ax.yaxis.label.set_size(11)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a task's name may hold a $


def strips(lines, rows, column, say, title, across):
    """Axes with a strip for each of `lines`: every run small, the median strong, its range, and its figure in words.

    lines: a DataFrame with name, kind, `column` (the median), low, high, figure, and what tells its runs among the
    `rows` from others; across: what the x axis is.
    """
    ax = figure(1.5 + 0.36 * len(lines), title).add_subplot()
    runs = lines.drop(columns=column).reset_index(names="line").merge(rows).groupby("line")[column]
    for line in lines.itertuples():
        at, every, look = line.Index, runs.get_group(line.Index), LOOKS.get(line.kind, LOOKS["serial"])
        ax.plot(every, [at] * len(every), **look, **SMALL)
        ax.plot([line.low, line.high], [at, at], color=look["color"], linewidth=1.5)
        ax.plot(getattr(line, column), at, **look, **STRONG)
        ax.annotate(line.figure, (every.max(), at), (10, 0), textcoords="offset points", va="center", fontsize=10)
    names(ax, lines.name)
    log(ax, "x", say)
    left, right = ax.get_xlim()
    ax.set(xlabel=across, xlim=(left, right * (right / left) ** 0.3))  # room for the figures
    return ax


def cells(frame, color, title):
    """A figure with the table of a DataFrame of texts, and its alt text; color(cell) is a cell's paper.

    title: what it is a table of; the frame's index names the lines.
    """
    lines = [["", *frame.columns], *frame.itertuples()]
    papers = [["none"] * len(lines[0]), *(["none", *map(color, cells)] for _, *cells in lines[1:])]
    letters = sum(max(map(len, column)) + 2 for column in zip(*lines, strict=True))
    ax = figure(0.3 + 0.29 * len(lines), title).add_subplot()
    ax.figure.set_figwidth(max(7.2, 0.073 * letters))
    table = ax.table(lines, papers, cellLoc="left", bbox=(0, 0, 1, 1))
    table.auto_set_column_width(range(len(lines[0])))
    table.auto_set_font_size(False)
    for cell in table.get_celld().values():
        cell.set(edgecolor="white", linewidth=2, fontsize=10)
        cell.PAD = 0.02
    ax.axis("off")
    return ax.figure, f"A table of {title}. {words.table(frame)}"


def ends(ax):
    """Name the labelled lines where they end, in their colours; names that would meet are pushed apart."""
    ax.autoscale_view()  # which matplotlib leaves until it draws
    lines = [line for line in ax.lines if line.get_label()[0] != "_" and line.get_linestyle() != "None"]
    lines = sorted(lines, key=lambda line: line.get_ydata()[-1])
    ends = [ax.transData.transform(line.get_xydata()[-1])[1] * 72 / DPI for line in lines]
    places = list(ends)
    for low, high in 50 * list(pairwise(range(len(lines)))):
        short = max(0, APART - places[high] + places[low]) / 2
        places[low], places[high] = places[low] - short, places[high] + short
    for line, end, place in zip(lines, ends, places, strict=True):
        look = {"color": line.get_color(), "fontsize": 10, "va": "center", "annotation_clip": False}
        at = {"xycoords": ("axes fraction", "data"), "xytext": (6, place - end), "textcoords": "offset points"}
        ax.annotate(line.get_label(), (1, line.get_ydata()[-1]), **at, **look)


def names(ax, lines):
    """The y axis as lines with these names, from the top."""
    ax.set(yticks=range(len(lines)), yticklabels=lines, ylim=(len(lines) - 0.5, -0.5))


def log(ax, axis, say, ticks=None, base=10):
    """Make ax's "x" or "y" axis logarithmic; say(value) names its ticks, by default powers, and 2 and 5 if few."""
    getattr(ax, f"set_{axis}scale")("log", base=base)
    which = getattr(ax, f"{axis}axis")
    least, most = sorted(which.get_view_interval())
    powers = LogLocator(base, (1, 2, 5) if most < 50 * least else (1,), numticks=9)
    which.set(major_locator=FixedLocator(ticks) if ticks else powers, minor_locator=NullLocator())
    which.set_major_formatter(lambda value, _: say(value))
    ax.grid(True, axis=axis)


def bars(lines, by, column, hatched, what, title, sharex=False):
    """A figure with a panel for each value of `by`, and its alt text; what: what the bars are.

    lines: a DataFrame with `by`, kind, name, `column`, `hatched` and figure. A line is a bar of `column` in the colour
    of its kind, with `hatched` after it, hollow; its name is on the left, its figure in words on the right. Hatched is
    what nobody wanted: lost, given up, forced; `what` says which. No other chart is hatched.
    """
    panels = lines.groupby(by, sort=False)
    sizes = panels.size()
    axes = stacked(0.9 + 0.6 * len(sizes) + 0.3 * len(lines), title, 2 + sizes, sharex)
    for ax, (name, each) in zip(axes, panels, strict=True):
        places, first, second = range(len(each)), each[column].fillna(0), each[hatched].fillna(0)
        hues = [LOOKS[kind]["color"] for kind in each.kind]
        ax.barh(places, first, 0.7, color=hues, edgecolor="white")
        ax.barh(places, second, 0.7, left=first, color="none", hatch="////", edgecolor=hues, linewidth=0)
        for place, text in enumerate(each.figure):
            ax.text(1.02, place, text, va="center", fontsize=10, transform=ax.get_yaxis_transform())
        names(ax, each.name)
        ax.set_title(name, loc="left", fontsize=11)
        ax.set_xticks([])
    ax.set_xlabel(what)
    return ax.figure, f"Bars: {what}. {'; '.join(lines[by] + ', ' + lines.name + ': ' + lines.figure)}."


def medians(rows, by, columns, **values):
    """The medians of these columns, a line for each value of `by`, `ordered` by it."""
    return ordered(rows.groupby(by, dropna=False)[columns].median().reset_index(), by, **values)


def ordered(lines, by, **values):
    """The lines of a DataFrame by these columns; values: of a column, all that it may have, in the order wanted."""
    place = {name: list(items).index for name, items in values.items()}
    return lines.sort_values(by, key=lambda one: one.map(place.get(one.name, lambda item: item)), ignore_index=True)
