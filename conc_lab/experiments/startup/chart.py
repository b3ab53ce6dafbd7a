"""Seconds to a worker's first answer, by the way it is started; and the least work for which starting workers pays."""

import math
import statistics

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .measure import WAYS, costs, pays_from
from ...engine.result import Result
from ...drawing import kit as style

FILLS = ("full", "none", "left", "right", "top", "bottom")
BET_ON = {"processes": "spawn"}  # a bet names kinds of workers; on start-up it is about a process by spawn
VARIANT = ("way", "cold", "main_imports", "workers")
MS = 1000  # in a second, which the charts' axes count in


def table(result: Result):
    """The medians of every variant."""
    return [
        {
            "started by": _name(item),
            "workers together": item["workers"],
            "first answer ms, each": float(f"{MS * item['each_s']:.3g}"),
            "times a thread": item["against_thread"] and round(item["against_thread"], 1),
            "whole start and end ms": float(f"{MS * item['setup_s']:.3g}"),
        }
        for item in costs(result.rows)
    ]


def plot_startup(result: Result, ax: Axes | None = None, bet=None, earlier=None) -> Axes:
    """Time to the first answer by way of starting, log scale: every start faint, the median strong."""
    ax = ax or style.figure().add_subplot()
    found, rows = costs(result.rows), style.grouped(result.rows, *VARIANT)
    names = list(dict.fromkeys(map(_name, found)))
    fills = dict(zip(sorted({item["workers"] for item in found}), FILLS * len(found), strict=False))
    before = {(_name(item), item["workers"]): item for item in (costs(earlier.rows) if earlier else ())}
    handles = {}
    for item in found:
        look, workers = style.STYLES[item["way"]], item["workers"]
        at = names.index(_name(item)) + (list(fills).index(workers) + 0.5) / len(fills) * 0.8 - 0.4
        every = [MS * row["answer_s"] / workers for row in rows[tuple(item[name] for name in VARIANT)]]
        ax.plot(every, [at] * len(every), **look, **style.FAINT)
        strong = {"linestyle": "", "markersize": 10, "markeredgewidth": 2, "fillstyle": fills[workers]}
        ax.plot(MS * item["each_s"], at, **look, **strong)
        ax.annotate(_figures(item), (max(every), at), (10, 0), textcoords="offset points", va="center", fontsize=10)
        if old := before.get((_name(item), workers)):
            (handles["run before"],) = ax.plot(MS * old["each_s"], at, "x", color="black", markersize=9)
    for place, value in _bets(result, bet, names):
        (handles["your bet"],) = ax.plot(value, place, "*", color="black", fillstyle="none", markersize=15)
    for number, fill in fills.items() if len(fills) > 1 else ():
        label = "1 worker" if number == 1 else f"{number} together, each"
        handles[label] = Line2D([], [], color="#555555", marker="o", linestyle="", fillstyle=fill, markersize=9)
    if handles:
        style.legend(ax, 4, handles)
    style.lines(ax, [name.replace(" + ", "\n+ ") for name in names])
    style.log(ax, "x", lambda ms: style.duration(ms / MS))
    left, right = ax.get_xlim()
    ax.set_xlim(left, right * (right / left) ** 0.3)  # room for the labels
    ax.set_xlabel("time to a worker's first answer")
    return ax


def plot_breakeven(result: Result, ax: Axes | None = None) -> Axes:
    """The best speedup possible against the work's serial time, with the measured setup, where workers pay marked."""
    ax = ax or style.figure().add_subplot()
    found, cpus = _paying(result), style.capacity(result)
    setups = [item["setup_s"] for item in found]
    at_once = min(found[0]["workers"], cpus)
    low, high = math.log10(min(setups) / 3), math.log10(max(setups) * 40)
    works = [10 ** (low + (high - low) * step / 200) for step in range(201)]
    for place, item in enumerate(found):
        look = style.STYLES[item["way"]] | {"alpha": 0.5 if item["cold"] else 1}
        speedups = [work / (work / at_once + item["setup_s"]) for work in works]
        label = f"{_name(item)}: {_pays(item, cpus)}"
        ax.plot([MS * work for work in works], speedups, **look, markevery=(4 * place, 40), markersize=5, label=label)
        if (least := pays_from(item["setup_s"], item["workers"], cpus)) < math.inf:
            ax.plot(MS * least, 1, **look, markersize=10, linestyle="")
    ax.axhline(1, color="#555555", linewidth=1)
    ax.axhline(at_once, **style.REFERENCE)
    ax.set_ylim(0, 1.1 * max(1, at_once))
    ax.set_ylabel("best speedup\n(serial = 1)")
    ax.yaxis.set_major_formatter("{x:g}×")
    ax.set_xlim(MS * works[0], MS * works[-1])
    style.log(ax, "x", lambda ms: style.duration(ms / MS))
    ax.grid(axis="y", alpha=0.3)
    ax.set_xlabel("time that the whole work takes in serial")
    style.legend(ax, 2 if result.params["main_imports"] == "nothing" else 1)  # its name is long
    return ax


def _startup_chart(result, bet, earlier):
    found = costs(result.rows)
    names, counts = list(dict.fromkeys(map(_name, found))), {item["workers"] for item in found}
    height = 1.3 + len(names) * max(0.46, 0.26 * len(counts))
    ax = plot_startup(result, style.figure(height).add_subplot(), bet, earlier)
    parts = [_said(item) for item in found]
    parts += [f"your bet: {style.duration(value / MS)}" for _, value in _bets(result, bet, names)]
    if earlier is not None:
        parts.append("the run before: " + ", ".join(_said(item) for item in costs(earlier.rows)))
    alt = "Time from asking for a worker to its first answer, a worker, and times a thread's; medians of"
    return ax.figure, f"{alt} {style.rounds(result)}: {'; '.join(parts)}.", startup_sentence(result)


def _breakeven_chart(result, bet, earlier):
    ax = plot_breakeven(result, style.figure(4.2).add_subplot())
    parts = [
        f"{_name(item)} setup {style.duration(item['setup_s'])}, {_pays(item, style.capacity(result))}"
        for item in _paying(result)
    ]
    alt = "Best possible speedup against the serial time of the work: curves that rise later the longer the setup"
    return ax.figure, f"{alt}: {'; '.join(parts)}.", breakeven_sentence(result)


def startup_sentence(result: Result) -> str:
    """How long each way takes, in times of a thread; what the main file's import does; what is missing here."""
    found = costs(result.rows)
    fewest = min(item["workers"] for item in found)
    mine = [item for item in found if item["workers"] == fewest and item["main_imports"] == "nothing"]
    together = "" if fewest == 1 else f", each of {style.count(fewest, 'worker')} started together"
    said, lead = [], f"to the first answer{together}: "
    if thread := [item for item in mine if item["way"] == "thread"]:
        first, lead = style.duration(thread[0]["each_s"]), "against that: "
        said.append(f"a thread gave its first answer {first} after it was asked for{together}")
    if parts := [_cost(item) for item in mine if item["way"] != "thread"]:
        said.append(lead + ", ".join(parts))
    if (imported := result.params["main_imports"]) != "nothing":
        changes = [_change(result, item, imported) for item in mine]
        said.append(f"with import {imported} in the main file: {', '.join(changes)}")
    # What this machine or Python has no way to show, when all that it has was measured.
    missing = [f"no {way}" for way in ("fork", "forkserver") if way not in result.machine["start_methods"]]
    newer = tuple(map(int, result.machine["python"].split(".")[:2])) >= (3, 14)
    if len(result.params["ways"]) >= len(WAYS) - len(missing) - (not newer):
        said += [f"this platform has {style.listed(missing)}"] if missing else []
        said += [] if newer else ["interpreters as workers need Python 3.14"]
    return style.sentence(*said)


def breakeven_sentence(result: Result) -> str:
    """From which serial time on the workers can be done sooner, if nothing else is lost."""
    found, cpus = _paying(result), style.capacity(result)
    workers = found[0]["workers"]
    if workers == 1:
        return "One worker computes no sooner than the program itself: measure with two workers or more."
    if cpus <= 1:
        return (
            f"One usable CPU: no number of workers computes sooner than serial here, however long the work; "
            f"{workers} started by {_name(found[0])} add {style.duration(found[0]['setup_s'])} to it."
        )
    parts = [f"{_name(item)} {_pays(item, cpus)}" for item in found]
    gil = " Threads are left out: with the GIL they run pure Python no sooner." if result.machine["gil"] else ""
    return (
        f"{style.count(workers, 'worker').capitalize()} on {style.count(cpus, 'usable CPU')} can be done sooner than "
        f"serial, at best, when the work takes longer than this in serial: {', '.join(parts)}.{gil}"
    )


def _pays(item, cpus):
    least = pays_from(item["setup_s"], item["workers"], cpus)
    return "never" if least == math.inf else f"from {style.duration(least)}"


def _paying(result):
    """The variants that a break-even can be told of: the most workers, the main file asked for, no GIL between them."""
    found = [item for item in costs(result.rows) if item["main_imports"] == result.params["main_imports"]]
    most = max(item["workers"] for item in found)
    found = [item for item in found if item["workers"] == most]
    return [item for item in found if item["way"] != "thread" or not result.machine["gil"]] or found


def _cost(item):
    """A way and how long it took, in words."""
    how = _times(item["against_thread"]) if item["against_thread"] else style.duration(item["each_s"])
    server = " when its server had to be started first" if item["cold"] else " with its server there"
    return f"{style.one(item['way'])} {how}{server if item['way'] == 'forkserver' else ''}"


def _change(result, item, imported):
    """How much longer a way took with the import, compared in each round, and whether its workers ran the file."""
    rows = style.grouped(result.rows, *VARIANT)
    heavy, light = (rows[item["way"], item["cold"], main, item["workers"]] for main in (imported, "nothing"))
    medians = [
        [statistics.median(row["answer_s"] for row in each) for each in style.grouped(side, "round").values()]
        for side in (heavy, light)
    ]
    more = MS * statistics.median(with_it - without for with_it, without in zip(*medians, strict=True))
    ran = "each worker" if all(row["ran_main"] for row in heavy) else "no worker"
    return f"{_name(item)} {more:+z.1f} ms ({ran} ran the file)"


def _bets(result, bet, names):
    """(place, milliseconds) of a bet in times of a thread."""
    thread = [i for i in costs(result.rows) if (i["way"], i["workers"], i["main_imports"]) == ("thread", 1, "nothing")]
    for kind, _, value in bet.points if bet is not None and thread else ():
        if BET_ON.get(kind) in names:
            yield names.index(BET_ON[kind]), MS * thread[0]["each_s"] * value


def _name(item):
    server = (" (first)" if item["cold"] else " (next)") if item["way"] == "forkserver" else ""
    main = f" + import {item['main_imports']}" if item["main_imports"] != "nothing" else ""
    return f"{item['way']}{server}{main}"


def _times(ratio):
    return f"{style.digits(ratio)}×"  # ratios of start-up agree to no more than two digits from session to session


def _figures(item, between="  "):
    ratio = f"{between}{_times(item['against_thread'])}" if item["against_thread"] and item["way"] != "thread" else ""
    return style.duration(item["each_s"]) + ratio


def _said(item):
    together = f" with {item['workers']} together" if item["workers"] > 1 else ""
    return f"{_name(item)}{together} {_figures(item, ' or ')}"


CHARTS = {"startup": _startup_chart, "breakeven": _breakeven_chart}
