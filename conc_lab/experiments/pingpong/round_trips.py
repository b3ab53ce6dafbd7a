"""Round trips as pingpong and echo draw them: a line for each variant, from every run of it."""

import pandas

from ...drawing import kit, words
from ...engine.result import Result
from ...engine.stats import spread, where

LOCK = kit.LOOKS["threads"] | {"marker": "^"}


def spreads(result: Result, variants: list[tuple], by: list[str]) -> pandas.DataFrame:
    """The variants that have figures, in their order: round_trip_us (the median of the runs), low, high and runs.

    by: the columns that tell the variants apart, which come first.
    """
    lines = spread(result.frame, "round_trip_us", *by).rename(columns={"median": "round_trip_us"})
    return pandas.DataFrame(variants, columns=by).merge(lines)


def plot_round_trips(result: Result, lines: pandas.DataFrame, ax) -> None:
    """Microseconds of a round trip, a line for each variant: every run faint, the median strong, and the range."""
    variants = lines.drop(columns=["round_trip_us", "low", "high", "runs", "name"])
    runs = variants.reset_index(names="line").merge(result.frame)
    for line in lines.itertuples():
        look = LOCK if "lock" in line else kit.LOOKS.get(line.kind, kit.LOOKS["serial"])
        each = where(runs, line=line.Index).round_trip_us
        ax.plot(each, [line.Index] * len(each), **look, **kit.FAINT)
        ax.plot([line.low, line.high], [line.Index] * 2, color=look["color"], linewidth=1.5)
        ax.plot([line.round_trip_us], [line.Index], **look, **kit.STRONG)
    kit.lines(ax, list(lines.name))
    kit.log(ax, "x", us)
    ax.set_xlabel("round trip, there and back (each step multiplies)")


def drawn(result: Result, lines: pandas.DataFrame):
    """The chart of these lines, and its alt text."""
    ax = kit.figure(1.2 + 0.36 * len(lines)).add_subplot()
    plot_round_trips(result, lines, ax)
    parts = [f"{x.name}: {us(x.round_trip_us)} ({us(x.low)} to {us(x.high)})" for x in lines.itertuples()]
    return ax.figure, f"Round trips, medians and ranges of the runs. {'; '.join(parts)}."


def us(value: float) -> str:
    """Microseconds in the unit that fits."""
    return words.duration(value / 1e6)
