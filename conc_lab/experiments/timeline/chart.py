"""Who ran when: a lane for each worker, a bar where it ran, a thin line where it waited."""

import pandas

from ...drawing import kit, words
from ...drawing.verdict import FEWEST, ONE_CPU, TOO_FEW, Verdict, decides, first, ranged
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import WORKERS

NEEDS_TWO_CPUS = True
COVERED = ("tasks",)
SHOWN_BLOCKS = 30  # of the last round: enough to see turns, few enough to tell blocks apart


@once
def rounds(result: Result) -> pandas.Series:
    """The share of time, while both workers recorded, in which both were running; of every task, kind and round."""
    variant = ["task", "kind", "round"]
    orders = {"task": result.params["tasks"], "kind": list(kit.LOOKS)}
    rows = result.shown.astype({column: pandas.CategoricalDtype(order) for column, order in orders.items()})
    lanes = rows.groupby([*variant, "worker"], observed=True).agg({"start_ms": "min", "end_ms": "max"})
    both = lanes.groupby(variant, observed=True).agg({"start_ms": "max", "end_ms": "min"})
    ran = rows[rows.running].set_index(variant)
    changes = pandas.concat([ran.assign(at=ran.start_ms, change=1), ran.assign(at=ran.end_ms, change=-1)])
    changes = changes.sort_values([*variant, "at"])
    lasted = changes["at"].diff().shift(-1)  # from each change in how many run to the next
    together = lasted[changes.change.cumsum() == WORKERS].groupby(variant, observed=True).sum()
    return (together / (both.end_ms - both.start_ms)).reindex(both.index).fillna(0).rename("both_ran")


def summary(result: Result) -> pandas.DataFrame:
    """The median share of the time in which both ran, a line for each task and kind: task, kind, both_ran."""
    return rounds(result).groupby(["task", "kind"], observed=True).median().reset_index()


def plot_timeline(result: Result, ax, task: str, kind: str) -> None:
    """The lanes of one task and one kind of worker, in the last round."""
    shown = SHOWN_BLOCKS * result.params["block_ms"]
    rows = where(result.shown, task=task, kind=kind, round=result.frame["round"].max()).query("start_ms < @shown")
    heights, colors = {True: 0.7, False: 0.08}, {True: kit.LOOKS[kind]["color"], False: "#777777"}
    look = {"height": rows.running.map(heights), "color": rows.running.map(colors), "edgecolor": "white"}
    ax.barh(rows.worker, rows.end_ms - rows.start_ms, left=rows.start_ms, linewidth=0.4, **look)
    kit.names(ax, [f"{words.ONE[kind]} {worker + 1}" for worker in range(WORKERS)])
    ax.set(xlim=(0, shown))


def timeline_chart(result: Result, bet):
    """A panel for each task and kind of worker: tasks below each other, kinds side by side."""
    lines, parts = summary(result), []
    figure = kit.figure(0.7 + 1.35 * lines.task.nunique())
    axes = figure.subplots(lines.task.nunique(), lines.kind.nunique(), squeeze=False, sharex=True)
    for ax, (task, kind, share) in zip(axes.flat, lines.itertuples(index=False), strict=True):
        plot_timeline(result, ax, task, kind)
        ax.set_title(f"{task}\nboth running: {share:.0%}", fontsize=10)
        parts.append(f"{words.name(kind, WORKERS)} with {task} {share:.0%}")
    figure.supxlabel("milliseconds; thick: running, thin: waiting", fontsize=11)
    told = f"Both were running for this share of the time, median of {words.rounds(result)}: {'; '.join(parts)}."
    alt = f"Timelines of two workers, a bar where one ran and a thin line where it waited. {told}"
    if result.machine["usable_cpus"] == 1:
        told += " One usable CPU: two take turns or, under a CPU limit, run together briefly and are then both stopped."
    return figure, alt, told


TURNS, TOGETHER = 0.1, 0.25  # shares of the time: up to the first two workers took turns, from the second on not
CASES = [("count_primes", "threads"), ("sha256", "threads"), ("count_primes", "processes")]
FIGURE = "share of the time in which both ran: two threads at pure Python {}, hashing {}, "
FIGURE += "two processes at pure Python {}"
HELD_UP = "even two processes seldom ran at the same time: other programs had the CPUs"  # so were two free at all?
BETWEEN = "they ran at the same time too often for taking turns, and too seldom for more"
OUTCOMES = {  # whether threads ran at the same time at pure Python, and at hashing: why, and the verdicts on C5 and C11
    (False, False): ("they took turns at both kinds of work", "holds", "does not hold"),
    (False, True): ("on whether the code that runs has released the GIL", "depends", "depends"),
    (True, True): ("they ran at the same time at both kinds of work", "does not hold", "holds"),
    (True, False): ("they ran at the same time at pure Python", "does not hold", "depends"),
}


@decides("C5")
def one_thread_at_a_time(recorded: Result) -> Verdict:
    """Whether two threads ever ran at the same time: holds where they never did."""
    return _same_time(recorded, 0)


@decides("C11")
def parallel_threads(recorded: Result) -> Verdict:
    """Whether two threads ran at the same time: holds where they always did."""
    return _same_time(recorded, 1)


def _same_time(recorded, place):
    shares = [rounds(recorded).loc[case] for case in CASES]
    medians = [values.median() for values in shares]
    pure, hashing, control = (None if TURNS < share < TOGETHER else share >= TOGETHER for share in medians)
    why, *verdicts = OUTCOMES.get((pure, hashing), (BETWEEN, "cannot tell", "cannot tell"))
    return first(
        FIGURE.format(*(ranged(values, "{:.0%}".format) for values in shares)),
        (recorded.machine["usable_cpus"] == 1, "cannot tell", ONE_CPU),
        (min(map(len, shares)) < FEWEST, "cannot tell", TOO_FEW),
        (not (pure or hashing or control), "cannot tell", HELD_UP),
        (True, verdicts[place], why),
    )
