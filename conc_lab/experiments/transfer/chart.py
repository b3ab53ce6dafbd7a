"""Hand-over time against size for every channel, and the time a small task costs against the tasks in a message."""

import pandas

from ...drawing import kit, words
from ...drawing.verdict import FEWEST, NOISE, TOO_FEW, Verdict, decides, first, ranged
from ...engine.errors import LabError
from ...engine.result import Result
from ...engine.stats import where
from .measure import BLOCKS, CHANNELS

LOOKS = {"new block": {"color": "#009E73", "marker": "^"}, "same block": {"color": "#E69F00", "marker": "D"}}
STYLES = {"forkserver": "--", "spawn": ":"}  # of lines, where several start methods were asked for


def summary(result: Result) -> pandas.DataFrame:
    """Medians of handover_s and read_s, a line for each channel, kind, and size_bytes or chunk."""
    rows = result.shown.astype({"channel": pandas.CategoricalDtype([*CHANNELS, "map"])})
    groups = rows.groupby(["channel", "kind", "size_bytes", "chunk"], observed=True, dropna=False)
    return groups[["handover_s", "read_s"]].median().reset_index()


def crossing(result: Result, one: tuple, other: tuple) -> tuple[int | None, bool]:
    """(the smallest size from which on `one` was faster in every round, or None; whether it ever was in any).

    one, other: (kind, channel).
    """
    rows = result.shown.pivot_table("handover_s", ["size_bytes", "round"], ["kind", "channel"])
    faster = rows[one] < rows[other]
    always = faster.groupby("size_bytes").all()[::-1].cummin()  # from the largest size down
    return min(always.index[always], default=None), faster.any()


def transfer_chart(result: Result, bet):
    """Hand-over time against size."""
    ax, medians, ends = _drawn(result, "size_bytes", "{} for {}", words.size)
    ax.set(xlabel="size of the object", ylabel="until the worker answers")
    return ax.figure, f"Time of a hand-over against size, medians: {medians}.", words.sentence(ends)


def chunks_chart(result: Result, bet):
    """The time of a small task against the tasks in a message to a pool."""
    if not result.shown.chunk.notna().any():
        raise LabError("this chart is about a pool of processes, and none was among the kinds of this run")
    ax, medians, ends = _drawn(result, "chunk", "{} a task with {} in a message", "{:g}".format, 3.2)
    ax.set(xlabel="tasks in a message (chunksize)", ylabel="time per task")
    return ax.figure, f"Time per small task against tasks in a message, medians: {medians}.", words.sentence(ends)


def _drawn(result, column, phrase, say, *height):
    """Axes with seconds against `column`, every round faint and the median strong; all medians, and the ends of lines.

    phrase: how a duration is said with what `say` makes of the column.
    """
    ax, lines, medians, ends = kit.figure(*height).add_subplot(), summary(result).dropna(subset=column), [], []
    for (kind, channel), line in lines.groupby(["kind", "channel"], sort=False):
        rows, look = where(result.shown, kind=kind, channel=channel), kit.LOOKS[kind] | LOOKS.get(channel, {})
        name = f"{channel} to {words.label(kind, result)}"
        ax.plot(rows[column], rows.handover_s, **look, **kit.FAINT)
        ax.plot(line[column], line.handover_s, **look, **kit.STRONG, linestyle=STYLES.get(kind, "-"), label=name)
        told = list(map(phrase.format, line.handover_s.map(words.duration), line[column].map(say)))
        medians.append(f"{name}: {', '.join(told)}")
        ends.append(f"{name}: {', '.join(dict.fromkeys((told[0], told[-1])))}")
        if channel in BLOCKS and "pickle" in result.params["channels"]:
            faster, _ = crossing(result, (kind, channel), (kind, "pickle"))
            ends[-1] += f" (in every round faster than the pickle from {words.size(faster)} on)" if faster else ""
    kit.log(ax, "x", say)
    kit.log(ax, "y", words.duration)
    kit.legend(ax, 2)
    return ax, "; ".join(medians), "; ".join(ends)


REFERENCE, PICKLE = ("threads", "reference"), ("processes", "pickle")


@decides("C14")
def one_memory_for_all(moved: Result, raced: Result) -> Verdict:
    """A reference against a pickle, by size; and the price, updates lost without a lock."""
    times = moved.shown.groupby(["kind", "channel", "size_bytes"]).handover_s.agg(ranged, words.duration)
    ends = times.unstack(["kind", "channel"]).iloc[[0, -1]]  # the smallest and the largest size
    parts = map("{:g} MB: reference {}, pickle {}".format, ends.index / 1e6, ends[REFERENCE], ends[PICKLE])
    bare = where(raced.frame, method="handshake", kind="threads", count="shared", lock="none")
    lost, updates = bare[["lost", "expected"]].sum()
    price = f"its price is races: {lost:,} of {updates:,} updates, each made to meet another, were lost without a lock"
    faster, ever = crossing(moved, REFERENCE, PICKLE)
    since = f"from {(faster or 0) / 1e6:g} MB on the reference was sooner in every round"
    return first(
        "; ".join(dict.fromkeys(parts)),
        (moved.frame["round"].nunique() < FEWEST, "cannot tell", TOO_FEW),
        (ends.index[0] == ends.index[-1], "cannot tell", "one size alone does not show what depends on the size"),
        (faster == ends.index[0], "holds", price),
        (faster, "depends", f"on the size: {since}; {price}"),
        (not ever, "does not hold", "the pickle was never slower"),
        (True, "cannot tell", NOISE),
    )
