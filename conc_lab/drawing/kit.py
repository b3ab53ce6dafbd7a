"""What all charts share: the look of each kind of worker, figures and axes, and how figures are said in words.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; each kind of worker has a marker
of its own too, and two kinds of one colour are never drawn in one chart.
"""

import math

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from ..engine import stats as summary

STYLES = {
    "serial": {"color": "#555555", "marker": "d"},
    "threads": {"color": "#0072B2", "marker": "o"},
    "processes": {"color": "#D55E00", "marker": "s"},
    "asyncio": {"color": "#009E73", "marker": "X"},
    "interpreters": {"color": "#CC79A7", "marker": "v"},
    "fork": {"color": "#E69F00", "marker": "^"},
    "forkserver": {"color": "#009E73", "marker": "D"},
    "spawn": {"color": "#D55E00", "marker": "P"},
}
STYLES |= {"thread": STYLES["threads"], "interpreter": STYLES["interpreters"]}
ONE = {"threads": "thread", "processes": "process", "asyncio": "asyncio task", "interpreters": "interpreter"}
ONE |= {method: f"{method} process" for method in ("fork", "forkserver", "spawn")}
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]

STRONG = {"linewidth": 2.2, "markersize": 8}  # medians
FAINT = {"linestyle": "", "alpha": 0.25, "markersize": 5, "markeredgewidth": 0}  # every run, under its median
BEFORE = {"linestyle": (0, (4, 3)), "fillstyle": "none", "alpha": 0.6}  # the run before
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


def legend(ax, columns, handles=None):
    """A legend above the axes, of what is labelled in them or of {label: handle}."""
    handles = handles or dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    place = {"loc": "lower center", "bbox_to_anchor": (0.45, 1.0)}
    ax.legend(handles.values(), handles, ncols=columns, frameon=False, fontsize=10, **place)


def lines(ax, names):
    """The y axis as lines with these names, from the top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)


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


def sentence(*texts):
    """Each text with a capital and a full stop."""
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in texts)


def listed(things):
    """Things as a list in a sentence: a, b and c."""
    *most, last = things
    return f"{', '.join(most)} and {last}" if most else last


def digits(value, number=2):
    """A number in so many digits, its thousands set apart: 0.83, 4.1, 1,400."""
    return f"{float(f'{value:.{number}g}'):,g}"


def times(value):
    """A ratio with as many digits as rounds of it agree on: 0.98×, 1.86×, 14×."""
    return f"{value:.2f}×" if value < 10 else f"{value:.0f}×"


def duration(seconds):
    """Seconds in the unit that fits: with two digits or none behind the point, from a second on with three digits."""
    if seconds >= 0.9995:
        return f"{digits(seconds, 3)} s"
    value, unit = (1e3 * seconds, "ms") if seconds >= 0.0009995 else (1e6 * seconds, "µs")
    return f"{value:.0f} {unit}" if value >= 9.95 else f"{value:.2g} {unit}"


def size(count):
    """Bytes as kilobytes or megabytes, of a thousand and a million bytes."""
    return f"{count / 1e6:g} MB" if count >= 1e6 else f"{count / 1e3:g} kB"


def dodge(kind):
    """How far beside its place a kind is drawn, so that no marker hides another."""
    return {"threads": -0.06, "processes": 0.06, "interpreters": 0.12}.get(kind, 0)


def name(kind, workers):
    """How many workers of a kind, in words: "1 thread", "4 processes", "2 fork processes", "serial"."""
    one = ONE.get(kind, kind)
    return kind if kind == "serial" else f"{workers} {one if workers == 1 else one + ('es' if one[-1] == 's' else 's')}"


def one(kind):
    """One worker of a kind, with its article: "a thread", "an interpreter", "a fork process"."""
    word = ONE.get(kind, kind)
    return f"{'an' if word[0] in 'ai' else 'a'} {word}"


def count(number, what):
    """A number up to twelve as a word, with its noun in the singular or plural."""
    word = NUMBERS[number - 1] if number in range(1, len(NUMBERS) + 1) else f"{number:g}"
    return f"{word} {what}{'' if number == 1 else 's'}"


def rounds(result):
    """How many rounds a result has, in words."""
    return count(len({row["round"] for row in result.rows}), "round")


def grouped(items, *keys):
    """{key: items}, in their order; an item's key is its value of this name, or a tuple of several."""
    found = summary.grouped(items, *keys)
    return found if keys[1:] else {key: mine for (key,), mine in found.items()}


def capacity(result):
    """CPUs' worth of time: a quota of 1.5 is two usable CPUs, and no more than 1.5 of them at once."""
    return min(result.machine["usable_cpus"], result.machine["cpu_quota"] or math.inf)


def capped(result):
    """Whether it is a limit on CPU time, not the number of CPUs, that leaves one usable: then two may run at once."""
    facts = result.machine
    return facts["usable_cpus"] == 1 and bool(facts["cpu_quota"]) and facts["logical_cpus"] != 1
