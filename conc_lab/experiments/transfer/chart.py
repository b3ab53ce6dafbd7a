"""Hand-over time against size for every way, and the time a small task costs against the tasks in a message."""

from matplotlib.axes import Axes

from .measure import THROUGH_BLOCK, crossing, medians, rate_mb_s
from ...engine.result import Result
from ...drawing import kit as style

WAYS = {  # way: its name in words, and how it is drawn
    "reference": ("thread, by a reference", style.STYLES["threads"]),
    "pickle": ("process, by a pickle through a pipe", style.STYLES["processes"]),
    "new block": ("process, by a new shared block", {"color": "#009E73", "marker": "^"}),
    "same block": ("process, by the same block again", {"color": "#E69F00", "marker": "D"}),
    "interpreters": ("subinterpreter, by a queue", style.STYLES["interpreters"]),
    "map": ("process pool, by map", style.STYLES["processes"]),
}
BLOCKS = dict(zip(THROUGH_BLOCK, ("a new block", "the same block again"), strict=True))


def table(result: Result):
    """The medians: a line for each way and size, or number of tasks in a message."""
    reads = medians([row | {"handover_s": row["read_s"]} for row in result.rows if row["read_s"] is not None])
    return [
        {
            "handed over": f"{style.count(key, 'task')} a message" if way == "map" else style.size(key),
            "way": WAYS[way][0],
            "µs": round(1e6 * seconds, 2),
            "MB/s": "" if way in ("map", "reference") else round(key / seconds / 1e6),
            "first reading µs": "" if way == "map" else round(1e6 * reads[way][key], 2),
        }
        for way, times in medians(result.rows).items()
        for key, seconds in times.items()
    ]


def plot_transfer(result: Result, ax: Axes | None = None, earlier=None) -> Axes:
    """Seconds from sending until the answer against bytes, both logarithmic: every round faint, the median strong."""
    ax = _plot(result, _sized(result), "size_bytes", ax)
    for way, times in (_sized(earlier) if earlier else {}).items():
        ax.plot(times.keys(), times.values(), **WAYS[way][1] | style.BEFORE)
    if earlier:
        ax.plot([], [], color="#555555", **style.BEFORE, label="run before")
    ax.set_xlabel("size of the object")
    ax.set_ylabel("until the worker answers")
    style.legend(ax, 2)
    return ax


def plot_chunks(result: Result, ax: Axes | None = None) -> Axes:
    """Seconds a task against the tasks in one message to a pool, both logarithmic."""
    chunks = medians(result.rows)["map"]
    ax = _plot(result, {"map": chunks}, "chunk", ax)
    for chunk, seconds in chunks.items():
        ax.annotate(style.duration(seconds), (chunk, seconds), (8, 8), textcoords="offset points", fontsize=10)
    ax.margins(x=0.12, y=0.15)
    ax.set_xlabel("tasks in a message (chunksize)")
    ax.set_ylabel("time per task")
    return ax


def _plot(result, found, column, ax):
    ax = ax or style.figure().add_subplot()
    rows = style.grouped(result.rows, "way")
    for way, times in found.items():
        label, look = WAYS[way]
        ax.plot([row[column] for row in rows[way]], [row["handover_s"] for row in rows[way]], **look, **style.FAINT)
        ax.plot(times.keys(), times.values(), **look, **style.STRONG, label=label)
    marks = sorted({key for times in found.values() for key in times})
    style.log(ax, "x", style.size if column == "size_bytes" else "{:g}".format, marks[:: -(-len(marks) // 8)])
    style.log(ax, "y", style.duration)
    return ax


def _transfer_chart(result, bet, earlier):
    ax = plot_transfer(result, style.figure(4.8).add_subplot(), earlier)
    before = f" The run before: {_said(earlier)}." if earlier else ""
    alt = f"Time of a hand-over against size, medians. {_said(result)}.{before}"
    return ax.figure, alt, transfer_sentence(result)


def _chunks_chart(result, bet, earlier):
    ax = plot_chunks(result, style.figure(3.2).add_subplot())
    said = ", ".join(f"{style.duration(each)} with {chunk:g}" for chunk, each in medians(result.rows)["map"].items())
    return ax.figure, f"Time of a small task against tasks in a message, medians: {said}.", chunks_sentence(result)


def transfer_sentence(result: Result) -> str:
    """What each way took for the smallest and the largest size, its rate, and from where shared memory pays."""
    parts = []
    for way, times in _sized(result).items():
        ends = dict.fromkeys((min(times), max(times)))
        said = f"{WAYS[way][0]}: " + ", ".join(f"{style.duration(times[size])} for {style.size(size)}" for size in ends)
        rate = None if way == "reference" else rate_mb_s(times)
        parts.append(f"{said} ({style.digits(rate)} MB/s)" if rate else said)
    ways = result.params["ways"]
    blocks = [way for way in THROUGH_BLOCK if way in ways and "pickle" in ways]
    verdicts = (f"{BLOCKS[way]} {_from_where(*crossing(result.rows, way))}" for way in blocks)
    return style.sentence("; ".join(parts), *verdicts)


def chunks_sentence(result: Result) -> str:
    """What a task cost alone in a message and with the most others."""
    times = medians(result.rows)["map"]
    few, many = min(times), max(times)
    words = f"with {style.count(few, 'task')} in a message a small task took {style.duration(times[few])}"
    if few != many:
        ratio = times[few] / times[many]
        more = f"{style.times(ratio)} as many tasks in the same time" if ratio > 1 else "which is no less"
        words += f", with {many} it took {style.duration(times[many])}, {more}"
    return style.sentence(words)


def _from_where(lost, won):
    up_to = [f"slower than the pipe in every round up to {style.size(lost)}"] if lost else []
    since = [f"faster than the pipe in every round from {style.size(won)} on"] if won else []
    if not (up_to or since):
        return "beat the pipe in some rounds, but at the largest size not in all"
    return f"was {style.listed(up_to + since)}"


def _sized(result):
    return {way: times for way, times in medians(result.rows).items() if way != "map"}


def _said(result):
    return "; ".join(
        f"{WAYS[way][0]}: " + ", ".join(f"{style.size(size)} {style.duration(each)}" for size, each in times.items())
        for way, times in _sized(result).items()
    )


CHARTS = {"transfer": _transfer_chart, "chunks": _chunks_chart}
