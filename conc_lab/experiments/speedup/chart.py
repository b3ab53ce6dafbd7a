"""Speedup against workers, with what explains it; and setup against run."""

import math

import pandas

from ...drawing import kit, words
from ...engine.machine import capacity
from ...engine.result import Result, recording
from ...engine.stats import character, where
from .summary import held_up, phases, summary, waits

PHASES = {  # of a run: how they are called and drawn
    "setup_s": ("setup", "#E69F00", "//"),
    "wall_s": ("run", "#56B4E9", ""),
    "teardown_s": ("teardown", "#999999", "xx"),
}


def table(result: Result) -> pandas.DataFrame:
    """The medians of every variant."""
    medians = phases(result)
    columns = {"workers": medians.name}
    columns |= {f"{what} ms": (1000 * medians[phase]).round(2) for phase, (what, *_) in PHASES.items()}
    return pandas.DataFrame(columns | {"speedup": medians.speedup.round(2), "cores busy": medians.cores_busy.round(2)})


def plot_speedup(result: Result, ax, bet=None, earlier=None, recorded=None) -> None:
    """Speedup against workers: every round faint, the median and its interval strong, ideal, bet and others."""
    places = _places(result)
    for kind, found in summary(result).groupby("kind", sort=False):
        look, at = kit.LOOKS[kind], _at(places, found)
        rounds = where(result.shown, kind=kind).pivot(index="round", columns="workers", values="speedup")
        speeds = rounds[list(found.workers)].tail(1000).assign(gap=math.nan)  # one line for all rounds: many take long
        faint = kit.FAINT | {"linestyle": "-", "linewidth": 0.8}
        ax.plot([*at, math.nan] * len(speeds), speeds.to_numpy().ravel(), **look, **faint)
        spread = [found.speedup - found.low, found.high - found.speedup]
        ax.errorbar(at, found.speedup, spread, **look, **kit.STRONG, label=words.label(kind, result), capsize=4)
    _draw_ideal(ax, result, places)
    before = _called(result, earlier)[1] if earlier else ""
    for other, how, label in ((earlier, {}, before), (recorded, {"linestyle": ":"}, "recorded")):
        for kind, found in _shared(result, other).groupby("kind", sort=False):
            look = kit.LOOKS[kind] | kit.BEFORE | how
            ax.plot(_at(places, found), found.speedup, **look, label=f"{kind}, {label}")
    if bets := [point for point in (bet.points if bet is not None else ()) if point[1] in places]:
        at = [places[workers] + kit.dodge(kind) for kind, workers, _ in bets]
        ax.plot(at, [value for *_, value in bets], **kit.BET, label="your bet")
    kit.columns(ax, list(places))
    ax.set_ylabel("speedup\n(serial = 1)")
    if ax.get_ylim()[1] > 5:
        kit.log(ax, "y", "{:g}×".format, [2**power for power in range(-3, 10)], base=2)
    else:
        ax.set_ylim(0, max(2.2, ax.get_ylim()[1]))
        ax.yaxis.set_major_formatter("{x:g}×")
    kit.legend(ax, 2 if ":" in before else 3)  # a task's name makes it wide


def plot_explanation(result: Result, ax, column: str) -> None:
    """`cores_busy` (the workers' CPU seconds per second) or `cpu_cost` (of a task, serial = 1) against workers."""
    busy = column == "cores_busy"
    reference, places = capacity(result.machine) if busy else 1, _places(result)
    for kind, found in summary(result).groupby("kind", sort=False):
        ax.plot(_at(places, found), found[column], **kit.LOOKS[kind], **kit.STRONG)
    ax.axhline(reference, **kit.REFERENCE)
    kit.columns(ax, list(places))
    ax.set_ylim(0, reference * 1.15 if busy else max(1.6, ax.get_ylim()[1]))
    ax.set_ylabel("cores\nbusy" if busy else "CPU cost\nof a task")


def speedup_chart(result: Result, bet, earlier):
    """Speedup, cores busy and CPU cost above each other; the first alone where the task waits."""
    recorded = _fitting_recording(result)
    explained = () if waits(result) else ("cores_busy", "cpu_cost")
    figure = kit.figure(3.6 + len(explained))
    heights = (3, 1, 1)[: 1 + len(explained)]
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
    plot_speedup(result, axes[0, 0], bet, earlier, recorded)
    for column, ax in zip(explained, axes[1:, 0], strict=True):
        plot_explanation(result, ax, column)
    axes[-1, 0].set_xlabel(f"workers, each running {result.params['task']}")
    parts = [
        f"{kind} " + ", ".join(f"{words.times(item.speedup)} with {item.workers}" for item in found.itertuples())
        for kind, found in summary(result).groupby("kind", sort=False)
    ]
    bets = pandas.DataFrame(bet.points if bet else (), columns=["kind", "workers", "speedup"])
    others = [("your bet", _shared(result, bets))]
    others += [(_called(result, earlier)[0], _shared(result, earlier))] if earlier else []
    others += [(_whence(recorded), _shared(result, recorded))] if recorded else []
    parts += [f"{what}: {_said(found)}" for what, found in others if len(found)]
    alt = f"Speedup of {result.params['task']} against workers, median of {words.rounds(result)}: {'; '.join(parts)}."
    return figure, alt, speedup_sentence(result, recorded)


def setup_chart(result: Result, bet, earlier):
    """Median milliseconds of setup, run and teardown of every variant, as stacked bars."""
    medians = phases(result)
    ax = kit.figure(1.6 + 0.34 * len(medians)).add_subplot()
    left = pandas.Series(0.0, medians.index)
    for phase, (label, color, hatch) in PHASES.items():
        width = 1000 * medians[phase]
        ax.barh(range(len(left)), width, left=left, color=color, hatch=hatch, edgecolor="white", label=label)
        left += width
    kit.lines(ax, list(medians.name))
    ax.set_xlabel("milliseconds")
    kit.legend(ax, 3)
    most = result.frame.tasks.max()
    ax.set_title(f"{result.params['task']}, {most} tasks", loc="left", fontsize=11, pad=26)
    parts, said = [], [f"serial took {words.duration(medians.wall_s.iloc[0])}"]
    for item in medians.to_dict("records"):
        each = (f"{label} {words.duration(item[phase])}" for phase, (label, *_) in PHASES.items())
        parts.append(f"{item['name']}: {', '.join(each)}")
        if item["kind"] != "serial" and item["workers"] == max(result.params["workers"]):
            whole = words.duration(sum(item[phase] for phase in PHASES))
            said.append(f"{item['name']} {words.duration(item['wall_s'])}, and {whole} with setup and teardown")
    return ax.figure, f"Stacked bars of median times. {'; '.join(parts)}.", words.sentence("; ".join(said))


def speedup_sentence(result: Result, recorded: Result | None = None) -> str:
    """What the chart shows, what explains it, and what this machine cannot show, in words."""
    most = summary(result).groupby("kind", sort=False).tail(1)
    text = words.sentence(*(_verdict(item, waits(result)) for item in most.to_dict("records")))
    if result.machine["usable_cpus"] == 1 and character(result.frame) == "computes":
        text = f"One usable CPU: no kind of worker can compute faster than serial here. {text}"
    if held_up(result):
        text += " Other programs, or a CPU limit, kept the processes from a second CPU: measure again when it is quiet."
    if recorded is not None:
        others = summary(recorded).merge(most[["kind", "workers"]])
        text += f" Beside it is {_whence(recorded)}: {_said(others)}." if len(others) else ""
    return text


def _verdict(item, waiting):
    who, rounds = words.name(item["kind"], item["workers"]), words.count(item["rounds"], "round")
    span = f"{words.times(item['low'])} to {words.times(item['high'])}"
    speed = f"{words.times(item['speedup'])} as fast as serial ({span} in {rounds})"
    busy = f"kept {item['cores_busy']:.2f} cores busy"
    they, together = ("it", "it") if item["workers"] == 1 else ("they", "together they")
    cost = item["cpu_cost"]
    cost = "" if cost is None else f", and each task cost {cost:.2f} times the CPU time of serial"
    match item["direction"]:
        case "no gain":
            return f"{who} brought no gain, {speed}: {together} {busy}"
        case "as busy":
            return (
                f"{who} brought no gain to be seen: the clock is too noisy here to tell ({span} in {rounds}), "
                f"but {together} {busy}, no more than serial does"
            )
        case "too few":
            return f"{who}: {rounds} ({span}) are too few for a verdict"
        case "unclear":
            return f"{who}: these rounds cannot tell ({span} in {rounds}); {they} {busy}{cost}"
    sooner = item["direction"] == "faster"
    if item["doubt"] and not waiting:
        return (
            f"{who} finished {'sooner' if sooner else 'later'} than serial, but by how much cannot be told here, "
            f"because {item['doubt']}; {they} {busy}"
        )
    return f"{who}: {speed}; " + ("their waits overlapped" if waiting and sooner else f"{they} {busy}{cost}")


def _fitting_recording(result):
    """A recording of the same task, where this machine's own rows do not carry the magnitude."""
    doubted = summary(result).doubt.notna().any() or result.machine["usable_cpus"] == 1 or held_up(result)
    if waits(result) or not doubted:
        return None
    return recording("speedup", task=result.params["task"], gil=result.machine["gil"])


def _whence(recorded):
    return f"a recording from {words.count(recorded.machine['usable_cpus'], 'CPU')}"


def _called(result, earlier):
    """How an earlier result is called, in words and in the legend: by machine and by task, where these are others."""
    facts, task = earlier.machine, earlier.params["task"]
    said, label = "the run before", "run before"
    if facts | {"memory_free_bytes": None} != result.machine | {"memory_free_bytes": None}:
        said = f"a recording ({words.count(facts['usable_cpus'], 'CPU')}, Python {facts['python']})"
        label = "recorded"
    if task != result.params["task"]:
        said, label = f"{said}, of {task}", f"{label}: {task}"
    return said, label


def _places(result):
    return {workers: place for place, workers in enumerate(sorted(result.params["workers"]))}


def _at(places, found):
    return [places[item.workers] + kit.dodge(item.kind) for item in found.itertuples()]


def _shared(result, other):
    """The lines of another result's summary, or of bets, with as many workers as this result has."""
    if other is None:
        return summary(result)[:0]
    lines = summary(other) if isinstance(other, Result) else other
    return lines[lines.workers.isin(result.params["workers"])]


def _said(lines):
    """The speedups, each by name."""
    parts = (f"{words.name(line.kind, line.workers)} {words.times(line.speedup)}" for line in lines.itertuples())
    return ", ".join(parts)


def _draw_ideal(ax, result, places):
    """No more than the workers, and no more than keeps every usable CPU busy."""
    usable = capacity(result.machine)
    partly = character(result.frame) in ("waits", "mixed")
    busy = where(result.frame, kind="serial").cores_busy.median() if partly else 1
    ideal = [min(workers, usable / busy if busy else math.inf) for workers in places]
    label = "ideal" if ideal == list(places) else f"ideal on {words.count(usable, 'CPU')}"
    ax.plot(places.values(), ideal, **kit.REFERENCE, label=label)
    ax.axhline(1, color="#555555", linewidth=0.6)


CHARTS = {"speedup": speedup_chart, "setup": setup_chart}
