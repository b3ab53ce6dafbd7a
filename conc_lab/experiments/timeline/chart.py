"""Who ran when: a lane for each worker, a bar where it ran, a thin line where it waited; and claims C5 and C11."""

from ...drawing import kit, words
from ...drawing.verdict import FEWEST, ONE_CPU, TOO_FEW, Verdict, decides, first, ranged
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import WORKERS

NEEDS_TWO_CPUS = True
COVERED = ("tasks",)
HEIGHTS = {True: 0.7, False: 0.08}  # of a block in which a worker ran, or waited
SHOWN_BLOCKS = 30  # of the last round: enough to see turns, few enough to tell blocks apart
TURNS, TOGETHER = 0.1, 0.25  # shares of the time: up to the first two workers took turns, from the second on not
CASES = [("count_primes", "threads"), ("sha256", "threads"), ("count_primes", "processes")]
HELD_UP = "even two processes seldom ran at the same time: other programs had the CPUs"  # so were two free at all?


@once
def rounds(result: Result):
    """A Series by task, kind and round: the share of time, while both workers recorded, in which both were running."""
    variant, rows = ["task", "kind", "round"], result.shown
    lanes = rows.groupby([*variant, "worker"]).agg({"start_ms": "min", "end_ms": "max"})
    both = lanes.groupby(variant).agg({"start_ms": "max", "end_ms": "min"})
    changes = rows[rows.running].melt(variant, ["start_ms", "end_ms"], "change", "at").sort_values([*variant, "at"])
    changes["running"] = changes.change.map({"start_ms": 1, "end_ms": -1}).cumsum()
    changes["lasted"] = changes["at"].diff().shift(-1)  # from each change in how many run to the next
    together = where(changes, running=WORKERS).groupby(variant).lasted.sum()
    return (together / (both.end_ms - both.start_ms)).reindex(both.index).fillna(0).rename("both_ran")


@once
def summary(result: Result):
    """A DataFrame with the median share of the time in which both ran, a line for each task and kind."""
    lines = rounds(result).groupby(["task", "kind"]).median().reset_index()
    return kit.ordered(lines, ["task", "kind"], task=result.params["tasks"], kind=kit.LOOKS)


def timeline_chart(result: Result, bet):
    """A panel for each task and kind of worker, with the lanes of the last round: tasks below each other."""
    lines, parts, shown = summary(result), [], SHOWN_BLOCKS * result.params["block_ms"]
    last = where(result.shown, round=result.frame["round"].max()).query("start_ms < @shown")
    figure = kit.figure(0.7 + 1.35 * lines.task.nunique())
    axes = figure.subplots(lines.task.nunique(), lines.kind.nunique(), squeeze=False, sharex=True)
    for ax, (task, kind, share) in zip(axes.flat, lines.itertuples(index=False), strict=True):
        rows, colors = where(last, task=task, kind=kind), {True: kit.LOOKS[kind]["color"], False: "#777777"}
        look = {"height": rows.running.map(HEIGHTS), "color": rows.running.map(colors), "edgecolor": "white"}
        ax.barh(rows.worker, rows.end_ms - rows.start_ms, left=rows.start_ms, linewidth=0.4, **look)
        kit.names(ax, [f"{words.ONE[kind]} {worker + 1}" for worker in range(WORKERS)])
        ax.set_xlim(0, shown)
        ax.set_title(f"{task}\nboth running: {share:.0%}", fontsize=10)
        parts.append(f"{words.name(kind, WORKERS)} with {task} {share:.0%}")
    figure.supxlabel("milliseconds; thick: running, thin: waiting", fontsize=11)
    told = f"Both were running for this share of the time, median of {words.rounds(result)}: {'; '.join(parts)}."
    alt = f"Timelines of two workers, a bar where one ran and a thin line where it waited. {told}"
    if result.machine["usable_cpus"] == 1:
        told += " One usable CPU: two take turns or, under a CPU limit, run together briefly and are then both stopped."
    return figure, alt, told


@decides("C5")
def one_thread_at_a_time(recorded: Result) -> Verdict:
    """Whether two threads ever ran at the same time: holds where they never did."""
    return _same_time(recorded, turns="holds", pure_alone="does not hold", both="does not hold")


@decides("C11")
def parallel_threads(recorded: Result) -> Verdict:
    """Whether two threads ran at the same time: holds where they always did."""
    return _same_time(recorded, turns="does not hold", pure_alone="depends", both="holds")


def _same_time(recorded, turns, pure_alone, both):
    """The verdict where two threads took turns, ran at the same time at pure Python alone, or at hashing, too."""
    figure = "two threads at pure Python {}, hashing {}, two processes at pure Python {}"
    shares = [rounds(recorded).loc[case] for case in CASES]
    pure, hashing, processes = (share.median() for share in shares)
    unclear = TURNS < pure < TOGETHER or TURNS < hashing < TOGETHER
    return first(
        "share of the time in which both ran: " + figure.format(*(ranged(share, "{:.0%}".format) for share in shares)),
        (recorded.machine["usable_cpus"] == 1, "cannot tell", ONE_CPU),
        (min(map(len, shares)) < FEWEST, "cannot tell", TOO_FEW),
        (max(pure, hashing, processes) < TOGETHER, "cannot tell", HELD_UP),
        (unclear, "cannot tell", "they ran at the same time too often for taking turns, and too seldom for more"),
        (max(pure, hashing) < TOGETHER, turns, "they took turns at both kinds of work"),
        (hashing < TOGETHER, pure_alone, "they ran at the same time at pure Python"),
        (pure < TOGETHER, "depends", "on whether the code that runs has released the GIL"),
        (True, both, "they ran at the same time at both kinds of work"),
    )
