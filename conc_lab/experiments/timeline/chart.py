"""Who ran when: a lane for each worker, a bar where it ran, a thin line where it waited."""

from matplotlib.axes import Axes

from ...engine import tasks
from .measure import WORKERS, shares
from ...engine.result import Result
from ...drawing import kit as style

NEEDS_TWO_CPUS = True  # to show its point: with one, a recording stands beside it
SHOWN_BLOCKS = 30  # of the last round: enough to see turns, few enough to tell blocks apart


def table(result: Result):
    """The share of time in which both workers ran, for each task and kind."""
    return [
        {"task": task, "workers": style.name(kind, WORKERS), "both running": f"{share:.0%}"}
        for (task, kind), share in _ordered(result).items()
    ]


def plot_timeline(result: Result, ax: Axes | None = None, task: str | None = None, kind: str | None = None) -> Axes:
    """The lanes of one task (by default the first) and one kind of worker, in the last round."""
    ax = ax or style.figure().add_subplot()
    task, kind = task or result.rows[0]["task"], kind or result.rows[0]["kind"]
    last = max(row["round"] for row in result.rows)
    rows = [row for row in result.rows if (row["round"], row["task"], row["kind"]) == (last, task, kind)]
    shown = SHOWN_BLOCKS * result.params["block_ms"]
    looks = {
        True: {"label": "running", "facecolor": style.STYLES[kind]["color"], "edgecolor": "white", "linewidth": 0.4},
        False: {"label": "waiting", "facecolor": "#777777"},
    }
    for worker in range(WORKERS):
        lane = [row for row in rows if row["worker"] == worker and row["start_ms"] < shown]
        for running, half in ((True, 0.35), (False, 0.04)):
            bars = [(row["start_ms"], row["end_ms"] - row["start_ms"]) for row in lane if row["running"] == running]
            ax.broken_barh(bars, (worker - half, 2 * half), **looks[running])
    style.lines(ax, [f"{style.ONE[kind]} {worker + 1}" for worker in range(WORKERS)])
    ax.set_xlim(0, shown)
    ax.set_xticks([0, shown / 3, 2 * shown / 3], [f"{tick:.0f}" for tick in (0, shown / 3, 2 * shown / 3)])
    return ax


def _chart(result, bet, earlier):
    found = _ordered(result)
    names, kinds = list(dict.fromkeys(task for task, _ in found)), list(dict.fromkeys(kind for _, kind in found))
    columns, blocks = min(3, len(names)), -(-len(names) // 3)
    figure = style.figure(0.7 + 1.35 * len(kinds) * blocks)
    # At most three tasks side by side; each kind in a row of its own, threads above processes.
    axes = figure.subplots(len(kinds) * blocks, columns, squeeze=False, sharex=True)
    for (line, column), ax in zip(((a, b) for a in range(len(axes)) for b in range(columns)), axes.flat, strict=True):
        index, kind = line // len(kinds) * columns + column, kinds[line % len(kinds)]
        if index >= len(names):
            ax.set_axis_off()
            continue
        plot_timeline(result, ax, names[index], kind)
        ax.set_title(f"{names[index]}\nboth at once: {found[names[index], kind]:.0%}", fontsize=10)
        if column:
            ax.set_yticklabels([])
    figure.supxlabel("milliseconds; thick: running, thin: waiting", fontsize=11)
    parts = [f"{task}, {style.name(kind, WORKERS)}: {share:.0%}" for (task, kind), share in found.items()]
    alt = (
        f"Timelines of two workers, a bar where one ran and a thin line where it waited. Share of the time in which "
        f"both ran, median of {style.rounds(result)}: {'; '.join(parts)}."
    )
    said = {}
    for (task, kind), share in found.items():
        said.setdefault(kind, []).append(f"{share:.0%} of the time with {task}")
    words = style.sentence("; ".join(f"two {kind} ran at once for {style.listed(each)}" for kind, each in said.items()))
    one = ""
    if style.capped(result):
        one = (
            f" A limit leaves this notebook {result.machine['cpu_quota']:g} CPU's worth of time: two may run at once "
            f"for a part of each period of the limit (mostly a tenth of a second), and are then both stopped."
        )
    elif result.machine["usable_cpus"] == 1:
        one = " One usable CPU: only one of two runs at any moment here."
    return figure, alt, words + (one or _held_up(found))


def _held_up(found):
    """What is to be said where even processes, which need no GIL in common, did not get two CPUs at once."""
    computing = (tasks.COMPUTING, tasks.RELEASING)
    slow = [task for (task, kind), share in found.items() if kind == "processes" and share < 0.5]
    if not any(task in tasks.TASKS and tasks.TASKS[task].kind in computing for task in slow):
        return ""
    return " Other programs, or a CPU limit, kept the processes from two CPUs at once: measure again when it is quiet."


def _ordered(result):
    """The shares, in the order of the parameters."""
    found = shares(result.rows)
    wanted = [(task, kind) for task in result.params["work"] for kind in result.params["kinds"]]
    return {variant: found[variant] for variant in wanted if variant in found}


CHARTS = {"timeline": _chart}
