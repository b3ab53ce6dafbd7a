"""Hand-over time against size for every channel; the time of a small task by the tasks in a message; and claim C14."""

from ...drawing import kit, verdict, words
from ...engine.errors import LabError
from ...engine.stats import where
from .measure import BLOCKS, CHANNELS

LOOKS = {"new block": {"marker": "^", "linestyle": "--"}, "same block": {"marker": "D", "linestyle": ":"}}
BY = ["channel", "kind", "size_bytes", "chunk"]
REFERENCE, PICKLE = ("threads", "reference"), ("processes", "pickle")


def summary(result):
    """A DataFrame with the medians of handover_s and read_s, a line for each channel, kind, and size_bytes or chunk."""
    return kit.medians(result.shown, BY, ["handover_s", "read_s"], channel=[*CHANNELS, "map"])


def crossing(result, one: tuple, other: tuple) -> tuple[int | None, bool]:
    """(the smallest size from which on `one` was faster in every round, or None; whether it ever was in any).

    one, other: (kind, channel).
    """
    rows = result.shown.pivot_table("handover_s", ["size_bytes", "round"], ["kind", "channel"])
    faster = rows[one] < rows[other]
    always = faster.groupby("size_bytes").all()[::-1].cummin()  # from the largest size down
    return min(always.index[always], default=None), faster.any()


def transfer_chart(result, bet):
    """Hand-over time against size."""
    return _drawn(result, "size_bytes", "size of the object", "time until the worker answers", "{} for {}", words.size)


def chunks_chart(result, bet):
    """The time of a small task against the tasks in a message to a pool."""
    phrase, say = "{} a task with {} per message", "{:g}".format
    return _drawn(result, "chunk", "tasks per message (chunksize)", "time per small task", phrase, say)


def _drawn(result, column, across, up, phrase, say):
    """Seconds against `column`, every round small and the median strong; the sentence has the ends of the lines.

    across, up: what the axes are; phrase: how a duration is said with what `say` makes of the column.
    """
    lines = summary(result).dropna(subset=column)
    if lines.empty:
        why = "only processes get chunks, and each channel is for some kinds of worker only"
        raise LabError(f"this run has nothing to show by the {across}: {why}")
    lines["name"] = lines.channel + " to " + [words.label(kind, result) for kind in lines.kind]
    lines["told"] = list(map(phrase.format, lines.handover_s.map(words.duration), lines[column].map(say)))
    worst = lines.loc[lines.handover_s.idxmax()]
    ax, medians, ends = kit.figure(5.1, f"{worst['name']}: {worst.told}").add_subplot(xlabel=across, ylabel=up), [], []
    for (kind, channel, name), line in lines.groupby(["kind", "channel", "name"], sort=False):
        rows, look = where(result.shown, kind=kind, channel=channel), kit.LOOKS[kind] | LOOKS.get(channel, {})
        ax.plot(rows[column], rows.handover_s, **look | kit.SMALL)
        ax.plot(line[column], line.handover_s, **look, **kit.STRONG, label=name)
        medians.append(f"{name}: {', '.join(line.told)}")
        ends.append(f"{name}: {', '.join(line.told.iloc[[0, -1]].unique())}")
        if channel in BLOCKS and "pickle" in result.params["channels"]:
            faster, _ = crossing(result, (kind, channel), (kind, "pickle"))
            ends[-1] += f"; from {words.size(faster)} on, faster than the pickle in every round" if faster else ""
    kit.log(ax, "x", say)
    kit.log(ax, "y", words.duration)
    ax.legend(ncols=2, **kit.LEGEND)
    alt = words.sentence(f"{up} against {across}, medians: {'; '.join(medians)}")
    return ax.figure, alt, words.sentence(*ends)


def C14_verdict(moved, raced):
    """A reference against a pickle, by size; and the price, updates lost without a lock."""
    times = moved.shown.groupby(["kind", "channel", "size_bytes"]).handover_s.agg(words.ranged, words.duration)
    ends = times.unstack(["kind", "channel"]).iloc[[0, -1]]  # the smallest and the largest size
    parts = map("{:g} MB: reference {}, pickle {}".format, ends.index / 1e6, ends[REFERENCE], ends[PICKLE])
    bare = where(raced.frame, method="handshake", kind="threads", count="shared", lock="none")
    lost, updates = bare[["lost", "expected"]].sum()
    price = f"the price is races: without a lock, {lost:,} of {updates:,} updates that were made to overlap were lost"
    faster, ever = crossing(moved, REFERENCE, PICKLE)
    since = f"from {(faster or 0) / 1e6:g} MB on, the reference was faster in every round"
    return verdict.first(
        "; ".join(dict.fromkeys(parts)),
        (moved.frame["round"].nunique() < verdict.FEWEST, "cannot tell", verdict.TOO_FEW),
        (ends.index[0] == ends.index[-1], "cannot tell", "one size can't show what depends on the size"),
        (faster == ends.index[0], "holds", price),
        (faster, "depends", f"on the size: {since}; {price}"),
        (not ever, "does not hold", "the pickle was never slower"),
    )


def hand_over_verdict(moved):
    """How many times as long the largest object takes as the smallest, by reference and by pickle."""
    medians = moved.shown.pivot_table("handover_s", "size_bytes", ["kind", "channel"], "median").iloc[[0, -1]]
    ratios = [medians[channel].iloc[1] / medians[channel].iloc[0] for channel in (REFERENCE, PICKLE)]
    figure = "{} instead of {}: {}× as long for the thread, {}× for the process"
    figure = figure.format(*map(words.size, medians.index[::-1]), *map(words.digits, ratios))
    grow = {(True, True): "both", (False, True): "process", (False, False): "neither"}
    far = medians.index[1] >= 10_000 * medians.index[0]
    word = grow.get(tuple(ratio >= verdict.TENFOLD for ratio in ratios)) if far else None
    return verdict.Verdict(word or "cannot tell", "the sizes are too close, or the rounds differ too much", figure)
