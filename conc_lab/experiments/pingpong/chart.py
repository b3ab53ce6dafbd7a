"""Hand-overs between threads and between processes, by pipe and by lock, on one CPU and on two.

Echo draws its round trips as pingpong does: a line for each variant, from every run of it.
"""

import pandas

from ...drawing import kit, words
from ...engine.result import Result, once
from ...engine.stats import paired, spread, where
from .measure import PARTNERS, PLACES

NEEDS_TWO_CPUS = True
LOCK = kit.LOOKS["threads"] | {"marker": "^"}
VARIANT = ["place", "kind", "primitive"]


@once
def summary(result: Result) -> pandas.DataFrame:
    """What a round trip took, a line for each place and pair of partners that has figures."""
    lines = spreads(result, VARIANT, [(place, *partner) for place in PLACES for partner in PARTNERS])
    return lines.assign(name=lines.place + ": " + lines.kind + ", " + lines.primitive)


def spreads(result: Result, by: list[str], variants: list[tuple]) -> pandas.DataFrame:
    """The variants that have figures, in their order: round_trip_us (the median of the runs), low, high and runs.

    by: the columns that tell the variants apart, which come first.
    """
    lines = spread(result.frame, "round_trip_us", *by).rename(columns={"median": "round_trip_us"})
    return pandas.DataFrame(variants, columns=by).merge(lines)


def plot_round_trips(result: Result, lines: pandas.DataFrame):
    """Microseconds of a round trip, a line for each variant: every run faint, the median strong, and the range.

    Returns the figure and its alt text.
    """
    ax = kit.figure(1.2 + 0.36 * len(lines)).add_subplot()
    runs = lines.drop(columns="round_trip_us").reset_index(names="line").merge(result.frame)
    parts = []
    for line in lines.itertuples():
        look = LOCK if "lock" in line else kit.LOOKS.get(line.kind, kit.LOOKS["serial"])
        each = where(runs, line=line.Index).round_trip_us
        ax.plot(each, [line.Index] * len(each), **look, **kit.FAINT)
        ax.plot([line.low, line.high], [line.Index] * 2, color=look["color"], linewidth=1.5)
        ax.plot([line.round_trip_us], [line.Index], **look, **kit.STRONG)
        parts.append(f"{line.name}: {us(line.round_trip_us)} ({us(line.low)} to {us(line.high)})")
    kit.names(ax, list(lines.name))
    kit.log(ax, "x", us)
    ax.set_xlabel("round trip, there and back (each step multiplies)")
    return ax.figure, f"Round trips, medians and ranges of the runs. {'; '.join(parts)}."


def us(value: float) -> str:
    """Microseconds in the unit that fits."""
    return words.duration(value / 1e6)


def pingpong_chart(result: Result, bet):
    """Every run, median and range of each place and pair of partners."""
    return *plot_round_trips(result, summary(result)), pingpong_sentence(result)


def pingpong_sentence(result: Result) -> str:
    """Threads against processes on the same pipe, the lock beside them, and one CPU against two."""
    parts = [f"{line.place}: {line.reason}" for line in result.frame.dropna(subset="reason").itertuples()]
    for place, lines in summary(result).groupby("place", sort=False):
        each = [f"{us(line.round_trip_us)} by {line.primitive} between {line.kind}" for line in lines.itertuples()]
        ratio, verdict = paired(result.frame, "round_trip_us", *lines[VARIANT].to_dict("records")[:2])
        told = f"threads took {ratio:.2f} times as long as processes"
        told = "these rounds do not tell them apart" if verdict == "unclear" else told
        parts.append(f"{place}: {words.listed(each)}; by the same pipe {told}")
    one, two = (where(summary(result), place=place).round_trip_us.to_numpy() for place in PLACES[:2])
    if len(two):
        span = f"{min(two / one):.1f} to {max(two / one):.1f}"
        parts.append(f"on two CPUs instead of one, a round trip took {span} times as long")
    return words.sentence(*dict.fromkeys(parts))
