"""Speedup against workers, with what explains it; and setup against run."""

import math
import statistics

from matplotlib.axes import Axes

from ...engine import tasks
from .measure import BUSY, character, conclusions, serial_busy
from ...engine.result import Result, recording
from ...drawing import kit as style

PHASES = {  # of a run: how they are called and drawn
    "setup_s": ("setup", "#E69F00", "//"),
    "wall_s": ("run", "#56B4E9", ""),
    "teardown_s": ("teardown", "#999999", "xx"),
}


def table(result: Result):
    """The medians of every variant."""
    return [
        {"workers": style.name(*variant)}
        | {f"{PHASES[phase][0]} ms": round(1000 * _median(rows, phase), 2) for phase in PHASES}
        | {what: round(_median(rows, what.replace(" ", "_")), 2) for what in ("speedup", "cores busy")}
        for variant, rows in _variants(result).items()
    ]


def plot_speedup(result: Result, ax: Axes | None = None, bet=None, earlier=None, recorded=None) -> Axes:
    """Speedup against workers: every round faint, the median and its interval strong, ideal, bet and others."""
    ax = ax or style.figure().add_subplot()
    places = _places(result)
    for kind, found in style.grouped(conclusions(result.rows), "kind").items():
        look, at = style.STYLES[kind], _at(places, found)
        for rows in style.grouped((row for row in result.rows if row["kind"] == kind), "round").values():
            speeds = {row["workers"]: row["speedup"] for row in rows}
            faint = style.FAINT | {"linestyle": "-", "linewidth": 0.8}
            ax.plot(at, [speeds[item["workers"]] for item in found], **look, **faint)
        spread = [
            [item["speedup"] - item["low"] for item in found],
            [item["high"] - item["speedup"] for item in found],
        ]
        ax.errorbar(at, [item["speedup"] for item in found], spread, **look, **style.STRONG, label=kind, capsize=4)
    _draw_ideal(ax, result, places)
    before = _called(result, earlier)[1] if earlier else ""
    for other, how, label in ((earlier, {}, before), (recorded, {"linestyle": ":"}, "recorded")):
        drawn = [item for item in conclusions(other.rows) if item["workers"] in places] if other else []
        for kind, found in style.grouped(drawn, "kind").items():
            look = style.STYLES[kind] | style.BEFORE | how
            ax.plot(_at(places, found), [item["speedup"] for item in found], **look, label=f"{kind}, {label}")
    if bets := [point for point in (bet.points if bet is not None else ()) if point[1] in places]:
        at = [places[workers] + style.dodge(kind) for kind, workers, _ in bets]
        look = {"color": "black", "fillstyle": "none", "markersize": 11, "linestyle": ""}
        ax.plot(at, [value for *_, value in bets], "D", **look, label="your bet")
    style.columns(ax, list(places))
    ax.set_ylabel("speedup\n(serial = 1)")
    if ax.get_ylim()[1] > 5:
        style.log(ax, "y", "{:g}×".format, [2**power for power in range(-3, 10)], base=2)
    else:
        ax.set_ylim(0, max(2.2, ax.get_ylim()[1]))
        ax.yaxis.set_major_formatter("{x:g}×")
    style.legend(ax, 2 if ":" in before else 3)  # a task's name makes it wide
    return ax


def plot_cores_busy(result: Result, ax: Axes | None = None) -> Axes:
    """The workers' CPU seconds per second of wall time, against workers."""
    ax = _plot_medians(result, ax, "cores_busy", style.capacity(result))
    ax.set_ylim(0, style.capacity(result) * 1.15)
    ax.set_ylabel("cores\nbusy")
    return ax


def plot_cpu_cost(result: Result, ax: Axes | None = None) -> Axes:
    """CPU seconds a task costs here over what it costs in serial, against workers."""
    ax = _plot_medians(result, ax, "cpu_cost", 1)
    ax.set_ylim(0, max(1.6, ax.get_ylim()[1]))
    ax.set_ylabel("CPU cost\nof a task")
    return ax


def _plot_medians(result, ax, column, reference):
    ax = ax or style.figure().add_subplot()
    places = _places(result)
    for kind, found in style.grouped(conclusions(result.rows), "kind").items():
        ax.plot(_at(places, found), [item[column] for item in found], **style.STYLES[kind], **style.STRONG)
    ax.axhline(reference, **style.REFERENCE)
    style.columns(ax, list(places))
    return ax


def plot_setup(result: Result, ax: Axes | None = None) -> Axes:
    """Median milliseconds of setup, run and teardown of every variant, as stacked bars."""
    ax = ax or style.figure().add_subplot()
    variants = _variants(result)
    left = [0.0] * len(variants)
    for phase, (label, color, hatch) in PHASES.items():
        widths = [1000 * _median(rows, phase) for rows in variants.values()]
        ax.barh(range(len(left)), widths, left=left, color=color, hatch=hatch, edgecolor="white", label=label)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    style.lines(ax, [style.name(*variant) for variant in variants])
    ax.set_xlabel("milliseconds")
    style.legend(ax, 3)
    return ax


def _speedup_chart(result, bet, earlier):
    recorded = _fitting_recording(result)
    plots = [plot_speedup] if _waits(result) else [plot_speedup, plot_cores_busy, plot_cpu_cost]
    figure = style.figure(2.6 + len(plots))
    axes = figure.subplots(len(plots), 1, sharex=True, squeeze=False, height_ratios=(3, 1, 1)[: len(plots)])[:, 0]
    plot_speedup(result, axes[0], bet, earlier, recorded)
    for plot, ax in zip(plots[1:], axes[1:], strict=True):
        plot(result, ax)
    axes[-1].set_xlabel(f"workers, each running {result.params['task']}")
    parts = []
    for kind, found in style.grouped(conclusions(result.rows), "kind").items():
        parts.append(f"{kind} " + ", ".join(f"{style.times(item['speedup'])} with {item['workers']}" for item in found))
    bets = [dict(zip(("kind", "workers", "speedup"), point, strict=True)) for point in (bet.points if bet else ())]
    others = [("your bet", bets)]
    others += [(_called(result, earlier)[0], conclusions(earlier.rows))] if earlier else []
    others += [(_whence(recorded), conclusions(recorded.rows))] if recorded else []
    parts += [f"{what}: {said}" for what, found in others if (said := _said(result, found))]
    alt = f"Speedup of {result.params['task']} against workers, median of {style.rounds(result)}: {'; '.join(parts)}."
    return figure, alt, speedup_sentence(result, recorded)


def _setup_chart(result, bet, earlier):
    variants = _variants(result)
    ax = plot_setup(result, style.figure(1.6 + 0.34 * len(variants)).add_subplot())
    ax.set_title(f"{result.params['task']}, {result.rows[0]['tasks']} tasks", loc="left", fontsize=11, pad=26)
    parts = []
    for variant, rows in variants.items():
        phases = (f"{label} {style.duration(_median(rows, phase))}" for phase, (label, *_) in PHASES.items())
        parts.append(f"{style.name(*variant)}: {', '.join(phases)}")
    return ax.figure, f"Stacked bars of median times. {'; '.join(parts)}.", setup_sentence(result)


def speedup_sentence(result: Result, recorded: Result | None = None) -> str:
    """What the chart shows, what explains it, and what this machine cannot show, in words."""
    most = [found[-1] for found in style.grouped(conclusions(result.rows), "kind").values()]
    words = style.sentence(*(_verdict(item, _waits(result)) for item in most))
    if result.machine["usable_cpus"] == 1 and character(result.rows) == "computes":
        words = f"One usable CPU: no kind of worker can compute faster than serial here. {words}"
    if _held_up(result):
        words += (
            " Other programs, or a CPU limit, kept the processes from a second CPU: measure again when it is quiet."
        )
    if recorded is not None:
        wanted = [(item["kind"], item["workers"]) for item in most]
        others = [item for item in conclusions(recorded.rows) if (item["kind"], item["workers"]) in wanted]
        if values := _said(result, others):
            words += f" Beside it is {_whence(recorded)}: {values}."
    return words


def setup_sentence(result: Result) -> str:
    """How start-up and shut-down change the picture for each kind's largest number of workers."""
    variants = _variants(result)
    parts = [f"serial took {style.duration(_median(variants['serial', 1], 'wall_s'))}"]
    for kind in result.params["kinds"]:
        variant = (kind, max(result.params["workers"]))
        run, whole = (
            style.duration(sum(_median(variants[variant], phase) for phase in phases))
            for phases in (["wall_s"], PHASES)
        )
        parts.append(f"{style.name(*variant)} {run}, and {whole} with setup and teardown")
    return style.sentence("; ".join(parts))


def _verdict(item, waits):
    who, rounds = style.name(item["kind"], item["workers"]), style.count(item["rounds"], "round")
    span = f"{style.times(item['low'])} to {style.times(item['high'])}"
    speed = f"{style.times(item['speedup'])} as fast as serial ({span} in {rounds})"
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
    if item["doubt"] and not waits:
        return (
            f"{who} finished {'sooner' if sooner else 'later'} than serial, but by how much cannot be told here, "
            f"because {item['doubt']}; {they} {busy}"
        )
    return f"{who}: {speed}; " + ("their waits overlapped" if waits and sooner else f"{they} {busy}{cost}")


def _fitting_recording(result):
    """A recording of the same task, where this machine's own rows do not carry the magnitude."""
    doubt = any(item["doubt"] for item in conclusions(result.rows))
    if _waits(result) or not (doubt or result.machine["usable_cpus"] == 1 or _held_up(result)):
        return None
    return recording(result.experiment, task=result.params["task"], gil=result.machine["gil"])


def _whence(recorded):
    return f"a recording from {style.count(recorded.machine['usable_cpus'], 'CPU')}"


def _called(result, earlier):
    """How an earlier result is called, in words and in the legend: by machine and by task, where these are others."""
    facts, task = earlier.machine, earlier.params["task"]
    said, label = "the run before", "run before"
    if facts | {"memory_free_bytes": None} != result.machine | {"memory_free_bytes": None}:
        said = f"a recording ({style.count(facts['usable_cpus'], 'CPU')}, Python {facts['python']})"
        label = "recorded"
    if task != result.params["task"]:
        said, label = f"{said}, of {task}", f"{label}: {task}"
    return said, label


def _held_up(result):
    """Whether even processes, which have no GIL in common, got no second CPU although there are several.

    A task of the student's own may hold a lock that all processes want: of that nothing is said.
    """
    if result.machine["usable_cpus"] == 1 or result.params["task"] not in tasks.TASKS:
        return False
    if character(result.rows) != "computes":
        return False
    processes = [
        item
        for item in conclusions(result.rows)
        if item["kind"] in ("processes", "interpreters") and item["workers"] > 1
    ]
    return any(item["cores_busy"] <= BUSY for item in processes)


def _waits(result):
    return character(result.rows) == "waits"


def _variants(result):
    """{(kind, workers): rows} of the timed rows, serial first."""
    found = style.grouped((row for row in result.rows if row["cpu"] is None), "kind", "workers")
    return dict(sorted(found.items(), key=lambda item: (list(style.STYLES).index(item[0][0]), item[0][1])))


def _median(rows, column):
    return statistics.median(row[column] for row in rows)


def _places(result):
    return {workers: place for place, workers in enumerate(sorted(result.params["workers"]))}


def _at(places, found):
    return [places[item["workers"]] + style.dodge(item["kind"]) for item in found]


def _said(result, found):
    """The speedups with as many workers as the result has, each by name."""
    drawn = [item for item in found if item["workers"] in result.params["workers"]]
    return ", ".join(f"{style.name(item['kind'], item['workers'])} {style.times(item['speedup'])}" for item in drawn)


def _draw_ideal(ax, result, places):
    """No more than the workers, and no more than keeps every usable CPU busy."""
    usable = style.capacity(result)
    busy = serial_busy(result.rows) if character(result.rows) in ("waits", "mixed") else 1
    ideal = [min(workers, usable / busy if busy else math.inf) for workers in places]
    label = "ideal" if ideal == list(places) else f"ideal on {style.count(usable, 'CPU')}"
    ax.plot(places.values(), ideal, **style.REFERENCE, label=label)
    ax.axhline(1, color="#555555", linewidth=0.6)


CHARTS = {"speedup": _speedup_chart, "setup": _setup_chart}
