"""Speedup against workers, with what explains it; and setup against run."""

import math

import pandas

from ...drawing import kit, words
from ...engine.machine import capacity
from ...engine.result import Result, recording
from ...engine.stats import character, where
from .summary import by_variant, held_up, summary

PHASES = {  # of a run: how they are called and drawn
    "setup_s": ("setup", "#E69F00", "//"),
    "wall_s": ("run", "#56B4E9", ""),
    "teardown_s": ("teardown", "#999999", "xx"),
}


def phases(result: Result) -> pandas.DataFrame:
    """Medians of every variant, serial first: setup_s, teardown_s, and wall_s of as many tasks as any variant had."""
    rows = result.shown[result.shown.cpu.isna()]
    rows = rows.assign(wall_s=rows.wall_s * rows.tasks.max() / rows.tasks)
    medians = by_variant(rows)[[*PHASES, "speedup", "cores_busy"]].median().reset_index()
    return medians.assign(name=list(map(words.name, medians.kind, medians.workers)))


def plot_speedup(result: Result, ax, others=()) -> None:
    """Speedup against workers: every round faint, the median and its interval strong, ideal, and `_others`."""
    for kind, lines in summary(result).groupby("kind", sort=False):
        look, at = kit.LOOKS[kind], _at(result, lines)
        rounds = where(result.shown, kind=kind).pivot(index="round", columns="workers", values="speedup")
        speeds = rounds.tail(1000).assign(gap=math.nan).to_numpy()  # one line for all rounds: many take long
        faint = kit.FAINT | {"linestyle": "-", "linewidth": 0.8}
        ax.plot([*at, math.nan] * len(speeds), speeds.ravel(), **look, **faint)
        spread = [lines.speedup - lines.low, lines.high - lines.speedup]
        ax.errorbar(at, lines.speedup, spread, **look, **kit.STRONG, label=words.label(kind, result), capsize=4)
    _draw_ideal(ax, result)
    for _, label, how, overlaid in others:
        for kind, lines in overlaid.groupby("kind", sort=False):
            ax.plot(_at(result, lines), lines.speedup, **kit.LOOKS[kind] | how, label=label.format(kind))
    kit.columns(ax, sorted(result.params["workers"]))
    ax.set_ylabel("speedup\n(serial = 1)")
    if ax.get_ylim()[1] > 5:
        kit.log(ax, "y", "{:g}×".format, [2**power for power in range(-3, 10)], base=2)
    else:
        ax.set_ylim(0, max(2.2, ax.get_ylim()[1]))
        ax.yaxis.set_major_formatter("{x:g}×")
    kit.legend(ax, 3)


def _draw_ideal(ax, result):
    """No more than the workers, and no more than keeps every usable CPU busy."""
    usable, workers = capacity(result.machine), sorted(result.params["workers"])
    partly = character(result.frame) in ("waits", "mixed")
    busy = where(result.frame, kind="serial").cores_busy.median() if partly else 1
    ideal = [min(number, usable / busy if busy else math.inf) for number in workers]
    label = "ideal" if ideal == workers else f"ideal on {words.count(usable, 'CPU')}"
    ax.plot(range(len(workers)), ideal, **kit.REFERENCE, label=label)
    ax.axhline(1, color="#555555", linewidth=0.6)


def plot_explanation(result: Result, ax, column: str) -> None:
    """`cores_busy` (the workers' CPU seconds per second) or `cpu_cost` (of a task, serial = 1) against workers."""
    busy = column == "cores_busy"
    reference = capacity(result.machine) if busy else 1
    for kind, lines in summary(result).groupby("kind", sort=False):
        ax.plot(_at(result, lines), lines[column], **kit.LOOKS[kind], **kit.STRONG)
    ax.axhline(reference, **kit.REFERENCE)
    kit.columns(ax, sorted(result.params["workers"]))
    ax.set_ylim(0, reference * 1.15 if busy else max(1.6, ax.get_ylim()[1]))
    ax.set_ylabel("cores\nbusy" if busy else "CPU cost\nof a task")


def speedup_chart(result: Result, bet):
    """Speedup, cores busy and CPU cost above each other; the first alone where the task waits."""
    recorded, task = _fitting_recording(result), result.params["task"]
    others = _others(result, bet, recorded)
    explained = () if character(result.frame) == "waits" else ("cores_busy", "cpu_cost")
    heights = (3, 1, 1)[: 1 + len(explained)]
    figure = kit.figure(3.6 + len(explained))
    top, *below = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    plot_speedup(result, top, others)
    for column, ax in zip(explained, below, strict=True):
        plot_explanation(result, ax, column)
    figure.axes[-1].set_xlabel(f"workers, each running {task}")
    parts = [
        f"{kind} " + ", ".join(f"{words.times(line.speedup)} with {line.workers}" for line in lines.itertuples())
        for kind, lines in summary(result).groupby("kind", sort=False)
    ]
    parts += [f"{what}: {_said(lines)}" for what, _, _, lines in others]
    alt = f"Speedup of {task} against workers, median of {words.rounds(result)}: {'; '.join(parts)}."
    return figure, alt, speedup_sentence(result, recorded)


def setup_chart(result: Result, bet):
    """Median milliseconds of setup, run and teardown of every variant, as stacked bars."""
    medians, left = phases(result), 0
    ax = kit.figure(1.6 + 0.34 * len(medians)).add_subplot()
    for phase, (label, color, hatch) in PHASES.items():
        width = 1000 * medians[phase]
        ax.barh(medians.index, width, left=left, color=color, hatch=hatch, edgecolor="white", label=label)
        left += width
    kit.names(ax, list(medians.name))
    ax.set_xlabel("milliseconds")
    kit.legend(ax, 3)
    ax.set_title(f"{result.params['task']}, {result.frame.tasks.max()} tasks", loc="left", fontsize=11, pad=26)
    parts, said = [], [f"serial took {words.duration(medians.wall_s.iloc[0])}"]
    for line in medians.to_dict("records"):
        each = (f"{label} {words.duration(line[phase])}" for phase, (label, *_) in PHASES.items())
        parts.append(f"{line['name']}: {', '.join(each)}")
        if line["kind"] != "serial" and line["workers"] == max(result.params["workers"]):
            whole = words.duration(sum(line[phase] for phase in PHASES))
            said.append(f"{line['name']} {words.duration(line['wall_s'])}, and {whole} with setup and teardown")
    return ax.figure, f"Stacked bars of median times. {'; '.join(parts)}.", words.sentence("; ".join(said))


def speedup_sentence(result: Result, recorded: Result | None = None) -> str:
    """What the chart shows, what explains it, and what this machine cannot show, in words."""
    most, nature = summary(result).groupby("kind", sort=False).tail(1), character(result.frame)
    text = words.sentence(*(_verdict(line, nature == "waits") for line in most.itertuples()))
    if result.machine["usable_cpus"] == 1 and nature == "computes":
        text = f"One usable CPU: no kind of worker can compute faster than serial here. {text}"
    if held_up(result):
        text += " Other programs, or a CPU limit, kept the processes from a second CPU: measure again when it is quiet."
    if recorded is not None and len(others := summary(recorded).merge(most[["kind", "workers"]])):
        text += f" Beside it is {_whence(recorded)}: {_said(others)}."
    return text


def _verdict(line, waiting):
    """What one line of the summary says."""
    who, rounds = words.name(line.kind, line.workers), words.count(line.rounds, "round")
    span = f"{words.times(line.low)} to {words.times(line.high)}"
    they, together = ("it", "it") if line.workers == 1 else ("they", "together they")
    busy, speed = f"kept {line.cores_busy:.2f} cores busy", f"{words.times(line.speedup)} as fast as serial"
    cost = "" if math.isnan(line.cpu_cost) else f", and each task cost {line.cpu_cost:.2f} times the CPU time of serial"
    why = "their waits overlapped" if waiting and line.direction == "faster" else f"{they} {busy}{cost}"
    ended = f"{who} finished {'sooner' if line.direction == 'faster' else 'later'} than serial"
    withheld = f"{ended}, but by how much cannot be told here, because {line.doubt}; {they} {busy}"
    noisy = f"the clock is too noisy here to tell ({span} in {rounds})"
    told = {
        "no gain": f"{who} brought no gain, {speed} ({span} in {rounds}): {together} {busy}",
        "as busy": f"{who} brought no gain to be seen: {noisy}, but {together} {busy}, no more than serial does",
        "too few": f"{who}: {rounds} ({span}) are too few for a verdict",
        "unclear": f"{who}: these rounds cannot tell ({span} in {rounds}); {why}",
    }
    clear = withheld if line.doubt and not waiting else f"{who}: {speed} ({span} in {rounds}); {why}"
    return told.get(line.direction, clear)


def _fitting_recording(result):
    """A recording of the same task, where this machine's own rows do not carry the magnitude."""
    doubted = summary(result).doubt.notna().any() or result.machine["usable_cpus"] == 1 or held_up(result)
    fits = {"task": result.params["task"], "gil": result.machine["gil"]}
    return recording("speedup", **fits) if doubted and character(result.frame) != "waits" else None


def _others(result, bet, recorded):
    """What is laid over the chart: how it is called in words and in the legend, its look, and its lines that fit."""
    bets = pandas.DataFrame(bet.points if bet else (), columns=["kind", "workers", "speedup"])
    others = [("your bet", "your bet", kit.BET, bets)]
    if recorded:
        others.append((_whence(recorded), "{}, recorded", kit.RECORDED, summary(recorded)))
    fitting = [(*how, lines[lines.workers.isin(result.params["workers"])]) for *how, lines in others]
    return [other for other in fitting if len(other[-1])]


def _whence(recorded):
    return f"a recording from {words.count(recorded.machine['usable_cpus'], 'CPU')}"


def _at(result, lines):
    """Where lines stand on the x axis."""
    places = sorted(result.params["workers"])
    return [places.index(line.workers) + kit.dodge(line.kind) for line in lines.itertuples()]


def _said(lines):
    """The speedups, each by name."""
    return ", ".join(
        f"{words.name(line.kind, line.workers)} {words.times(line.speedup)}" for line in lines.itertuples()
    )
