"""What all charts share: the look of each kind of worker, figures and axes.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; each kind of worker has a marker
of its own too.
"""

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

LOOKS = {
    "serial": {"color": "#555555", "marker": "d"},
    "threads": {"color": "#0072B2", "marker": "o"},
    "processes": {"color": "#D55E00", "marker": "s"},
    "asyncio": {"color": "#009E73", "marker": "X"},
    "interpreters": {"color": "#CC79A7", "marker": "v"},
    "fork": {"color": "#E69F00", "marker": "^"},
    "forkserver": {"color": "#56B4E9", "marker": "D"},
    "spawn": {"color": "#882255", "marker": "P"},
}
STRONG = {"linewidth": 2.2, "markersize": 8}  # medians
FAINT = {"linestyle": "", "alpha": 0.4, "markersize": 5, "markeredgewidth": 0}  # every run, under its median
BET = {"color": "black", "marker": "*", "fillstyle": "none", "markersize": 15, "linestyle": ""}
REFERENCE = {"color": "#555555", "linestyle": "--", "linewidth": 1}  # what a value is compared with


def figure(height: float = 4.8) -> Figure:
    """An empty figure as wide as a page, `height` inches high."""
    return Figure(figsize=(7.2, height), layout="constrained")


def finish(figure):
    """Set the look that all charts share on the figure itself: matplotlib's settings are the student's."""
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
        for axis in (ax.xaxis, ax.yaxis):
            axis.label.set_size(11)
            if "labelsize" not in axis.get_tick_params():
                axis.set_tick_params(labelsize=11)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a task's name may hold a $


def strips(lines, rows, column, say, looks=None):
    """Axes with a strip for each of `lines`: every run faint, the median strong, its range, and its figure in words.

    lines: a DataFrame with name, kind, `column` (the median), low, high, figure, and what tells its runs among the
    `rows` from others; looks: of each line, by default that of its kind.
    """
    ax = figure(1.2 + 0.36 * len(lines)).add_subplot()
    runs = lines.drop(columns=column).reset_index(names="line").merge(rows).groupby("line")[column]
    for line, look in zip(lines.itertuples(), looks or map(LOOKS.get, lines.kind), strict=True):
        at, every = line.Index, runs.get_group(line.Index)
        ax.plot(every, [at] * len(every), **look, **FAINT)
        ax.plot([line.low, line.high], [at, at], color=look["color"], linewidth=1.5)
        ax.plot(getattr(line, column), at, **look, **STRONG)
        ax.annotate(line.figure, (every.max(), at), (10, 0), textcoords="offset points", va="center", fontsize=10)
    names(ax, lines.name)
    log(ax, "x", say)
    left, right = ax.get_xlim()
    ax.set_xlim(right=right * (right / left) ** 0.3)  # room for the figures
    return ax


def cells(frame, color):
    """A figure with the table of a DataFrame of texts, whose index names the lines; color(cell) is a cell's paper."""
    lines = [["", *frame.columns], *frame.itertuples()]
    papers = [["none"] * len(lines[0]), *(["none", *map(color, cells)] for _, *cells in lines[1:])]
    letters = sum(max(map(len, column)) + 2 for column in zip(*lines, strict=True))
    ax = figure(0.29 * len(lines)).add_subplot()
    ax.figure.set_figwidth(max(7.2, 0.073 * letters))
    table = ax.table(lines, papers, cellLoc="left", bbox=(0, 0, 1, 1))
    table.auto_set_column_width(range(len(lines[0])))
    table.auto_set_font_size(False)
    for cell in table.get_celld().values():
        cell.set(edgecolor="white", linewidth=2, fontsize=10)
        cell.PAD = 0.02
    ax.axis("off")
    return ax.figure


def legend(ax, columns):
    """A legend above the axes, where a label that several lines have stands once."""
    labelled = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    place = {"loc": "lower center", "bbox_to_anchor": (0.45, 1.0)}
    ax.legend(labelled.values(), labelled, ncols=columns, frameon=False, fontsize=10, **place)


def names(ax, lines):
    """The y axis as lines with these names, from the top."""
    ax.set_yticks(range(len(lines)), lines)
    ax.set_ylim(len(lines) - 0.5, -0.5)


def columns(ax, names):
    """The x axis as columns with these names."""
    ax.set_xticks(range(len(names)), names)
    ax.set_xlim(-0.4, len(names) - 0.6)
    ax.grid(axis="y", alpha=0.3)


def log(ax, axis, say, ticks=None, base=10):
    """Make ax's "x" or "y" axis logarithmic; say(value) names its ticks, by default powers, and 2 and 5 if few."""
    getattr(ax, f"set_{axis}scale")("log", base=base)
    which = getattr(ax, f"{axis}axis")
    least, most = sorted(which.get_view_interval())
    powers = LogLocator(base, (1, 2, 5) if most < 50 * least else (1,), numticks=9)
    which.set_major_locator(FixedLocator(ticks) if ticks else powers)
    which.set_minor_locator(NullLocator())
    which.set_major_formatter(lambda value, _: say(value))
    ax.grid(axis=axis, alpha=0.3)


def dodge(kind):
    """How far beside its place a kind is drawn, so that no marker hides another."""
    return {"threads": -0.06, "processes": 0.06, "interpreters": 0.12}.get(kind, 0)


def bars(lines, by, column, hatched, what, sharex=False):
    """A figure with a panel for each value of `by`, and its alt text; what: what the bars are.

    lines: a DataFrame with `by`, kind, name, `column`, `hatched` and figure. A line is a bar of `column` with `hatched`
    after it, in the colour of its kind; its name is on the left, its figure in words on the right. Hatched is what
    nobody wanted: lost, given up, forced; `what` says which. No other chart is hatched.
    """
    panels = lines.groupby(by, sort=False)
    sizes = panels.size()
    whole = figure(0.6 + 0.6 * len(sizes) + 0.3 * len(lines))
    axes = whole.subplots(len(sizes), 1, sharex=sharex, squeeze=False, height_ratios=2 + sizes)[:, 0]
    for ax, (title, each) in zip(axes, panels, strict=True):
        places, first, second = range(len(each)), each[column].fillna(0), each[hatched].fillna(0)
        look = {"color": [LOOKS[kind]["color"] for kind in each.kind], "edgecolor": "white"}
        ax.barh(places, first, 0.7, **look)
        ax.barh(places, second, 0.7, left=first, hatch="////", **look)
        for place, text in enumerate(each.figure):
            ax.text(1.02, place, text, va="center", fontsize=10, transform=ax.get_yaxis_transform())
        names(ax, each.name)
        ax.set_title(title, loc="left", fontsize=11)
        ax.set_xticks([])
    ax.set_xlabel(what)
    return whole, f"Bars: {what}. {'; '.join(lines[by] + ', ' + lines.name + ': ' + lines.figure)}."


def ordered(lines, by, **values):
    """The lines of a DataFrame by these columns; values: of a column, all that it may have, in the order wanted."""

    def places(column):
        return column.map(list(values[column.name]).index) if column.name in values else column

    return lines.sort_values(by, key=places, ignore_index=True)
