"""Who ran when: a lane for each worker, a bar where it ran, a thin line where it waited."""

import pandas

from ...drawing import kit, words
from ...engine.machine import capped
from ...engine.result import Result, once
from ...engine.stats import where
from ...engine.tasks import COMPUTING, RELEASING, TASKS
from .measure import WORKERS

NEEDS_TWO_CPUS = True
COVERED = ("tasks",)
SHOWN_BLOCKS = 30  # of the last round: enough to see turns, few enough to tell blocks apart
COMPUTE = [name for name, task in TASKS.items() if task.nature in (COMPUTING, RELEASING)]


@once
def rounds(result: Result) -> pandas.Series:
    """`both_ran` of every task, kind and round."""
    orders = {"task": result.params["tasks"], "kind": list(kit.LOOKS)}
    rows = result.shown.astype({column: pandas.CategoricalDtype(order) for column, order in orders.items()})
    variants = rows.groupby(["task", "kind", "round"], observed=True)
    return variants[["worker", "start_ms", "end_ms", "running"]].apply(both_ran).rename("both_ran")


def both_ran(rows: pandas.DataFrame) -> float:
    """The share of time, while both recorded, in which both workers were running; rows of one variant and round."""
    opened, closed = rows.groupby("worker").start_ms.min().max(), rows.groupby("worker").end_ms.max().min()
    if opened >= closed:
        return 0.0
    starts, ends = (rows[column][rows.running].clip(opened, closed) for column in ("start_ms", "end_ms"))
    changes = pandas.concat([pandas.Series(1, starts), pandas.Series(-1, ends)]).groupby(level=0).sum()
    lasted = changes.index.to_series().diff().shift(-1)  # from each change in how many run to the next
    return lasted[changes.cumsum() == WORKERS].sum() / (closed - opened)


@once
def summary(result: Result) -> pandas.DataFrame:
    """The median share of the time in which both ran, a line for each task and kind: task, kind, both_ran."""
    return rounds(result).groupby(["task", "kind"], observed=True).median().reset_index()


def plot_timeline(result: Result, ax, task: str, kind: str) -> None:
    """The lanes of one task and one kind of worker, in the last round."""
    shown = SHOWN_BLOCKS * result.params["block_ms"]
    rows = where(result.shown, task=task, kind=kind, round=result.frame["round"].max())
    running = {"label": "running", "facecolor": kit.LOOKS[kind]["color"], "edgecolor": "white", "linewidth": 0.4}
    waiting = {"label": "waiting", "facecolor": "#777777"}
    for (worker, ran), lane in rows[rows.start_ms < shown].groupby(["worker", "running"]):
        half, look = (0.35, running) if ran else (0.04, waiting)
        bars = list(zip(lane.start_ms, lane.end_ms - lane.start_ms, strict=True))
        ax.broken_barh(bars, (worker - half, 2 * half), **look)
    kit.names(ax, [f"{words.ONE[kind]} {worker + 1}" for worker in range(WORKERS)])
    ax.set(xlim=(0, shown), xticks=[0, shown / 3, 2 * shown / 3])
    ax.xaxis.set_major_formatter("{x:.0f}")


def timeline_chart(result: Result, bet):
    """A panel for each task and kind of worker: tasks below each other, kinds side by side."""
    lines, parts = summary(result), []
    figure = kit.figure(0.7 + 1.35 * lines.task.nunique())
    axes = figure.subplots(lines.task.nunique(), lines.kind.nunique(), squeeze=False, sharex=True)
    for ax, (task, kind, share) in zip(axes.flat, lines.itertuples(index=False), strict=True):
        plot_timeline(result, ax, task, kind)
        ax.set_title(f"{task}\nboth running: {share:.0%}", fontsize=10)
        parts.append(f"{task}, {words.name(kind, WORKERS)}: {share:.0%}")
    figure.supxlabel("milliseconds; thick: running, thin: waiting", fontsize=11)
    alt = "Timelines of two workers, a bar where one ran and a thin line where it waited. "
    alt += f"Share of the time in which both ran, median of {words.rounds(result)}: {'; '.join(parts)}."
    return figure, alt, timeline_sentence(result)


def timeline_sentence(result: Result) -> str:
    """For which share of the time both workers of each kind ran, and what kept them from it."""
    lines, quota, parts = summary(result), result.machine["cpu_quota"], []
    for kind, shares in lines.groupby("kind", observed=True):
        each = [f"{line.both_ran:.0%} of the time with {line.task}" for line in shares.itertuples()]
        parts.append(f"two {words.name(kind, WORKERS)[2:]} were both running for {words.listed(each)}")
    text, processes = words.sentence("; ".join(parts)), lines[(lines.kind != "threads") & lines.task.isin(COMPUTE)]
    if capped(result.machine):
        text += f" A limit leaves this notebook {quota:g} CPU's worth of time: two may run at the same time "
        text += "for a part of each period of the limit (mostly a tenth of a second), and are then both stopped."
    elif result.machine["usable_cpus"] == 1:
        text += " One usable CPU: only one of two runs at any moment here."
    elif (processes.both_ran < 0.5).any():
        text += " Other programs, or a CPU limit, kept the processes from a second CPU: measure again when it is quiet."
    return text
