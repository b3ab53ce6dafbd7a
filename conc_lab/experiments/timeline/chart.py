"""Who ran when: a lane for each worker, its blocks as thick as their share of CPU time; and claims C5 and C11.

A block says how much CPU time its worker got, not when. So what is certain of two blocks that overlap: both workers
ran at the same time for the length of the overlap, less what each of the two blocks lacked of its own length.
"""

from ...drawing import kit, verdict, words
from ...engine.result import Result, once
from .measure import WORKERS

NEEDS_TWO_CPUS = True
THICK, THIN = 0.7, 0.08  # of a block in which a worker ran all the time; and the least, as a share of that
SHOWN_BLOCKS = 30  # of a round: enough to see turns, few enough to tell blocks apart
# Least shares of the time: up to the first two workers took turns, from the second on not, if processes reach the third
TURNS, TOGETHER, FREE = 0.1, 0.25, 0.5
CASES = [("count_primes", "threads"), ("sha256", "threads"), ("count_primes", "processes")]
HELD_UP = "less than half of the time is certain even for two processes: other programs may have had the CPUs"
UNCLEAR = "they ran at the same time too often to be taking turns, but too seldom to be sure"


@once
def rounds(result: Result):
    """A Series by task, kind and round: the least share of the time, while both recorded, in which both were running.

    For a program tied to one CPU it is 0 %, whatever runs; where nothing holds two workers up, 93 % and more.
    """
    variant, rows = ["task", "kind", "round"], result.shown
    blocks = rows.assign(lacked_ms=(rows.end_ms - rows.start_ms - rows.cpu_ms).clip(0))
    now = blocks.pivot(index=[*variant, "start_ms"], columns="worker", values=["end_ms", "lacked_ms"])
    now = now.groupby(variant).ffill()  # a line for each start of a block: the two blocks of that moment
    overlap = (now.end_ms.min(axis=1, skipna=False) - now.index.get_level_values("start_ms")).clip(0)
    certain = (overlap - now.lacked_ms.sum(axis=1)).clip(0)
    return (certain.groupby(variant).sum() / overlap.groupby(variant).sum()).fillna(0).rename("both_ran_at_least")


def summary(result: Result):
    """A DataFrame with the median of the least share of the time in which both ran, a line for each task and kind."""
    lines = rounds(result).groupby(["task", "kind"]).median().reset_index()
    return kit.ordered(lines, ["task", "kind"], task=result.params["tasks"], kind=kit.LOOKS)


def timeline_chart(result: Result, bet):
    """A panel for each task and kind of worker, with the lanes of its median round: tasks below each other."""
    lines, shown = summary(result), SHOWN_BLOCKS * result.params["block_ms"]
    first, each = result.shown.query("start_ms < @shown"), rounds(result)
    parts = [f"{words.name(kind, WORKERS)} with {task}: {seen(share)}" for task, kind, share in lines.to_numpy()]
    found = "who ran when" if lines.task.nunique() > 1 else "; ".join(parts).replace(f" with {lines.task[0]}", "")
    figure = kit.figure(1.1 + 1.35 * lines.task.nunique(), found)
    axes = figure.subplots(lines.task.nunique(), lines.kind.nunique(), squeeze=False, sharex=True)
    for ax, (task, kind, share) in zip(axes.flat, lines.itertuples(index=False), strict=True):
        median = (each[task, kind] - share).abs().idxmin()  # the round that is drawn
        rows = first[first["round"] == median].query("task == @task and kind == @kind")
        half = (rows.cpu_ms / (rows.end_ms - rows.start_ms)).clip(THIN, 1) * THICK / 2
        look = {"color": kit.LOOKS[kind]["color"], "edgecolor": "white", "linewidth": 0.4, "align": "edge"}
        ax.bar(rows.start_ms, 2 * half, rows.end_ms - rows.start_ms, rows.worker - half, **look)
        kit.names(ax, [f"{words.ONE[kind]} {worker + 1}" for worker in range(WORKERS)])
        ax.set_xlim(0, shown)
        ax.set_title(f"{task}\n{seen(share)}", fontsize=10)
    figure.supxlabel("milliseconds; a block half as thick: the worker ran for half of that time", fontsize=11)
    told = f"{'; '.join(parts)}. You see the median of {words.rounds(result)}."
    alt = f"Timelines of two workers, block by block. The more of a block a worker ran, the thicker it is. {told}"
    return figure, alt, told


def seen(share):
    """A least share in words: of what is certain of no moment nothing is said to have been seen."""
    return f"both running at least {percent(share)} of the time" if share >= 0.01 else "never seen both running"


def percent(share):
    """A least share in per cent, rounded down: 99.6 % is not at least 100 %."""
    return f"{int(100 * share)}%"


def C5_verdict(recorded: Result):
    """Whether two threads ever ran at the same time: holds where that is certain of hardly any of the time."""
    return _same_time(recorded, turns="holds", pure_alone="does not hold", both="does not hold")


def C11_verdict(recorded: Result):
    """Whether two threads ran at the same time: holds where they did at both kinds of work."""
    return _same_time(recorded, turns="does not hold", pure_alone="depends", both="holds")


def _same_time(recorded, turns, pure_alone, both):
    """The verdict where two threads took turns, ran at the same time at pure Python alone, or at hashing, too."""
    figure = "share of the time in which both ran, at least: two threads with pure Python {}, hashing {}, "
    figure += "two processes with pure Python {}"
    shares = [rounds(recorded).loc[case] for case in CASES]
    pure, hashing, _ = (share.max() for share in shares)  # what is certain in one round is certain
    return verdict.first(
        figure.format(*(words.ranged(share, percent) for share in shares)),
        (recorded.machine["usable_cpus"] == 1, "cannot tell", verdict.ONE_CPU),
        (min(map(len, shares)) < verdict.FEWEST, "cannot tell", verdict.TOO_FEW),
        (min(pure, hashing) >= TOGETHER, both, "they ran at the same time with both kinds of work"),
        (shares[-1].median() < FREE, "cannot tell", HELD_UP),
        (TURNS < pure < TOGETHER or TURNS < hashing < TOGETHER, "cannot tell", UNCLEAR),
        (max(pure, hashing) < TOGETHER, turns, "two processes ran at the same time, two threads hardly ever"),
        (hashing < TOGETHER, pure_alone, "they ran at the same time with pure Python"),
        (True, "depends", "on whether the code that runs has released the GIL"),
    )
