"""Hand-over time against size for every channel, and the time a small task costs against the tasks in a message."""

import pandas

from ...drawing import kit, words
from ...engine.errors import LabError
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import BLOCKS, CHANNELS

LOOKS = {"new block": {"color": "#009E73", "marker": "^"}, "same block": {"color": "#E69F00", "marker": "D"}}
STYLES = {"forkserver": "--", "spawn": ":"}  # of lines, where several start methods were asked for
BY = {"reference": "by a reference", "pickle": "by a pickle through a pipe", "new block": "by a new shared block"}
BY |= {"same block": "by the same block again", "queue": "by a queue"}


@once
def summary(result: Result) -> pandas.DataFrame:
    """Medians of handover_s and read_s, a line for each channel, kind, and size_bytes or chunk."""
    by = ["kind", "channel", "size_bytes", "chunk"]
    medians = result.shown.groupby(by, dropna=False)[["handover_s", "read_s"]].median().reset_index()
    order = [*CHANNELS, "map"].index
    return medians.sort_values("channel", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def crossing(result: Result, one: tuple, other: tuple) -> tuple[int | None, int | None]:
    """(the largest size up to which `one` lost in every round, the smallest from which on it won in every round).

    one, other: (kind, channel). None for either where there is no such size; sizes between the two are undecided.
    """
    rows = result.shown.pivot_table("handover_s", ["size_bytes", "round"], ["kind", "channel"])
    ahead = (rows[one] < rows[other]).groupby("size_bytes").agg(["any", "all"])
    lost, won = ahead.index[~ahead["any"].cummax()], ahead.index[ahead["all"][::-1].cummin()[::-1]]
    return max(lost, default=None), min(won, default=None)


def _lines(result, column="size_bytes"):
    """{(kind, channel): a Series of median seconds by size, or by tasks in a message}."""
    medians = summary(result).dropna(subset=column).astype({column: int})
    groups = medians.groupby(["kind", "channel"], sort=False)
    return {pair: lines.set_index(column).handover_s for pair, lines in groups}


def _plot(result, ax, column):
    """Seconds against bytes, or against tasks in a message, both logarithmic: every round faint, the median strong."""
    for (kind, channel), line in _lines(result, column).items():
        rows, look = where(result.shown, kind=kind, channel=channel), kit.LOOKS[kind] | LOOKS.get(channel, {})
        ax.plot(rows[column], rows.handover_s, **look, **kit.FAINT)
        look |= kit.STRONG | {"linestyle": STYLES.get(kind, "-")}
        ax.plot(line.index, line, **look, label=f"{words.label(kind, result)}: {channel}")
    marks = sorted(set(result.frame[column].dropna()))
    kit.log(ax, "x", words.size if column == "size_bytes" else "{:g}".format, marks[:: -(-len(marks) // 8)])
    kit.log(ax, "y", words.duration)


def transfer_chart(result: Result, bet):
    """Hand-over time against size."""
    ax = kit.figure().add_subplot()
    _plot(result, ax, "size_bytes")
    ax.set(xlabel="size of the object", ylabel="until the worker answers")
    kit.legend(ax, 2)
    alt = f"Time of a hand-over against size, medians. {_told(result)}."
    return ax.figure, alt, transfer_sentence(result)


def chunks_chart(result: Result, bet):
    """The time of a small task against the tasks in a message to a pool."""
    lines = _lines(result, "chunk")
    if not lines:
        raise LabError("this chart is about a pool of processes, and none was among the kinds of this run")
    ax = kit.figure(3.2).add_subplot()
    _plot(result, ax, "chunk")
    ax.margins(x=0.12, y=0.15)
    ax.set(xlabel="tasks in a message (chunksize)", ylabel="time per task")
    alts, parts = [], []
    for line in lines.values():
        few, many, texts = line.index[0], line.index[-1], line.map(words.duration)
        for chunk, text in texts.items():
            ax.annotate(text, (chunk, line[chunk]), (8, 8), textcoords="offset points", fontsize=10)
        alts.append(", ".join(f"{text} with {chunk}" for chunk, text in texts.items()))
        parts.append(f"with {words.count(few, 'task')} in a message a small task took {texts[few]}")
        if many > few:
            ratio = words.times(line[few] / line[many])
            parts[-1] += f", with {many} it took {texts[many]}, {ratio} as many tasks in the same time"
    alt = f"Time of a small task against tasks in a message, medians: {'; '.join(alts)}."
    return ax.figure, alt, words.sentence(*parts)


def transfer_sentence(result: Result) -> str:
    """What each channel took for the smallest and the largest size, its rate, and from where shared memory pays."""
    lines, parts, verdicts = _lines(result), [], []
    for (kind, channel), line in lines.items():
        largest, longest = line.index[-1], line.iloc[-1]
        ends = line.iloc[[0, -1]].to_dict()  # which are one where there is one size
        ends = ", ".join(f"{words.duration(each)} for {words.size(size)}" for size, each in ends.items())
        seen = channel != "reference" and longest >= 3 * line.iloc[0]  # else the size decides little
        rate = f" ({words.digits(largest / longest / 1e6)} MB/s)" if seen else ""
        parts.append(f"{_name(kind, channel)}: {ends}{rate}")
        if channel in BLOCKS and (kind, "pickle") in lines:
            lost, won = crossing(result, (kind, channel), (kind, "pickle"))
            known = [f"slower than the pipe in every round up to {words.size(lost)}"] if lost else []
            known += [f"faster than the pipe in every round from {words.size(won)} on"] if won else []
            verdict = words.listed(known or ["faster than the pipe in some rounds, but at the largest size not in all"])
            verdicts.append(f"the {channel}{'' if kind == 'processes' else f' ({kind})'} was {verdict}")
    return words.sentence("; ".join(parts), *verdicts)


def _told(result):
    return "; ".join(
        f"{_name(*pair)}: {', '.join(f'{words.size(size)} {words.duration(each)}' for size, each in line.items())}"
        for pair, line in _lines(result).items()
    )


def _name(kind, channel):
    return f"{words.ONE[kind]}, {BY[channel]}"
