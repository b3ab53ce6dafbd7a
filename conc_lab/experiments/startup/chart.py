"""Seconds to a worker's first answer, by its kind; and the least work for which starting workers pays."""

import numpy
import pandas

from ...drawing import kit, words
from ...engine.machine import capacity
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import IMPORTS, KINDS, pays_from

VARIANT = ["kind", "cold", "main_imports", "workers"]
RANK = {"kind": list(kit.LOOKS).index, "cold": {True: 0, False: 1}.get, "main_imports": list(IMPORTS).index}


@once
def summary(result: Result) -> pandas.DataFrame:
    """What the rows say of each variant: a line for each kind, cold or not, main file and number of workers.

    kind, cold, main_imports, workers, name (all of that but the workers, in words); each_s (seconds to the first
    answer, by worker: the median of the rounds' medians), setup_s (the same of the whole start and end, together);
    rounds; against_thread (the median of the rounds' ratios to as many threads, whatever the main file: a thread does
    not run it), low and high (the least and the largest of these ratios), all three NaN without threads.
    """
    rows = result.frame
    rows = rows.assign(each_s=rows.answer_s / rows.workers, setup_s=rows.answer_s + rows.end_s)
    threads = where(rows, kind="threads").groupby(["workers", "round"]).each_s.median().rename("thread_s")
    medians = rows.groupby([*VARIANT, "round"])[["each_s", "setup_s"]].median().reset_index()
    medians = medians.join(threads, on=["workers", "round"])
    rounds = medians.assign(ratio=medians.each_s / medians.thread_s).groupby(VARIANT)
    ratios = rounds.ratio.agg(rounds="size", against_thread="median", low="min", high="max")
    lines = rounds[["each_s", "setup_s"]].median().join(ratios).reset_index()
    lines.insert(4, "name", [_name(item) for item in lines.itertuples()])
    return lines.sort_values(VARIANT, key=lambda column: column.map(RANK.get(column.name, int)), ignore_index=True)


def startup_chart(result: Result, bet):
    """Time to the first answer by kind, log scale, a line for each variant: every start faint, the median strong."""
    lines, told = summary(result), _told(result)
    ax = kit.figure(1.3 + 0.32 * len(lines)).add_subplot()
    for at, item in enumerate(lines.itertuples()):
        rows = where(result.frame, **{name: getattr(item, name) for name in VARIANT})
        every, look = rows.answer_s / item.workers, kit.LOOKS[item.kind]
        ax.plot(every, [at] * len(every), **look, **kit.FAINT)
        ax.plot(item.each_s, at, **look, **kit.STRONG)
        ax.annotate(_figures(item), (every.max(), at), (10, 0), textcoords="offset points", va="center", fontsize=10)
    for at, seconds in _bets(lines, bet):
        ax.plot(seconds, at, **kit.BET, label="your bet")
        told.append(f"your bet: {words.duration(seconds)}")
    kit.legend(ax, 2)
    kit.names(ax, [_variant(item).replace(" + ", "\n+ ") for item in lines.itertuples()])
    kit.log(ax, "x", words.duration)
    left, right = ax.get_xlim()
    ax.set_xlim(right=right * (right / left) ** 0.3)  # room for the labels
    ax.set_xlabel("time to the first answer, for each worker")
    alt = "Time from asking for a worker to its first answer, a worker, and times a thread's; medians of"
    return ax.figure, f"{alt} {words.rounds(result)}: {'; '.join(told)}.", startup_sentence(result)


def breakeven_chart(result: Result, bet):
    """The best speedup possible against the work's serial time, with the measured setup, where workers pay marked."""
    lines, ax = _paying(result), kit.figure(4.2).add_subplot()
    together = min(lines.workers.max(), capacity(result.machine))
    works = numpy.geomspace(lines.setup_s.min() / 3, lines.setup_s.max() * 40, 201)
    for place, item in enumerate(lines.itertuples()):
        look = kit.LOOKS[item.kind] | {"alpha": 0.5 if item.cold else 1}
        curve = {"markevery": (4 * place, 40), "markersize": 5, "label": f"{item.name}: {item.pays}"}
        ax.plot(works, works / (works / together + item.setup_s), **look, **curve)
        ax.plot(item.least_s, 1, **look, markersize=10, linestyle="")
    ax.axhline(1, color="#555555", linewidth=1)
    ax.axhline(together, **kit.REFERENCE)
    ax.set(ylim=(0, 1.1 * max(1, together)), ylabel="best speedup\n(serial = 1)")
    ax.set(xlim=(works[0], works[-1]), xlabel="time that the whole work takes in serial")
    ax.yaxis.set_major_formatter("{x:g}×")
    ax.grid(axis="y", alpha=0.3)
    kit.log(ax, "x", words.duration)
    kit.legend(ax, 2 if result.params["main_imports"] == "nothing" else 1)  # its name is long
    told = "; ".join(lines.name + " setup " + lines.setup_s.map(words.duration) + ", " + lines.pays)
    alt = "Best possible speedup against the serial time of the work: curves that rise later the longer the setup"
    return ax.figure, f"{alt}: {told}.", _breakeven_sentence(result, lines)


def startup_sentence(result: Result) -> str:
    """How long each kind takes, in times of a thread; what the main file's import does; what is missing here."""
    imported, fewest = result.params["main_imports"], min(result.params["workers"])
    lines = list(where(summary(result), workers=fewest, main_imports="nothing").itertuples())
    together = "" if fewest == 1 else f", each of {words.count(fewest, 'worker')} started together"
    parts = [f"to the first answer{together}: {', '.join(map(_cost, lines))}"]
    if imported != "nothing":
        changes = ", ".join(_change(result, item, imported) for item in lines)
        parts.append(f"with import {imported} in the main file: {changes}")
    # What this machine or Python has no way to show, when all that it has was measured.
    missing = [f"no {kind}" for kind in ("fork", "forkserver") if kind not in result.machine["start_methods"]]
    older = result.machine["python"] < "3.14"
    if len(result.params["kinds"]) == len(KINDS) - len(missing) - older:
        parts += [f"this platform has {words.listed(missing)}"] if missing else []
        parts += ["interpreters as workers need Python 3.14"] if older else []
    return words.sentence(*parts)


def _breakeven_sentence(result, lines):
    """From which serial time on the workers can be done sooner, if nothing else is lost."""
    cpus, workers = capacity(result.machine), lines.workers.max()
    if workers == 1:
        return "One worker computes no sooner than the program itself: measure with two workers or more."
    if cpus <= 1:
        text = "One usable CPU: no number of workers computes sooner than serial here, however long the work;"
        return f"{text} {workers} started by {lines.name.iloc[0]} add {words.duration(lines.setup_s.iloc[0])} to it."
    text = f"{words.count(workers, 'worker')} on {words.count(cpus, 'usable CPU')} can be done sooner than serial, "
    text += f"at best, when the work takes longer than this in serial: {', '.join(lines.name + ' ' + lines.pays)}"
    gil = ["threads are left out: with the GIL they run pure Python no sooner"] if result.machine["gil"] else []
    return words.sentence(text, *gil)


def _paying(result):
    """The variants that a break-even can be told of: the most workers, the main file asked for, no GIL between them.

    With them: least_s, the serial time from which they pay, and pays, the same in words.
    """
    most = max(result.params["workers"])
    lines = where(summary(result), main_imports=result.params["main_imports"], workers=most)
    if result.machine["gil"] and (lines.kind != "threads").any():
        lines = lines[lines.kind != "threads"]
    lines = lines.assign(least_s=pays_from(lines.setup_s, most, capacity(result.machine)))
    return lines.assign(pays=["never" if s == numpy.inf else f"from {words.duration(s)}" for s in lines.least_s])


def _bets(lines, bet):
    """(line, seconds) of a bet on one process, which here is one by spawn, in times of a thread."""
    one = where(lines, workers=1, main_imports="nothing")
    threads, spawn = where(one, kind="threads"), where(one, kind="spawn")
    for kind, _, times in bet.points if bet is not None else ():
        if kind == "processes" and len(threads) and len(spawn):
            yield spawn.index[0], threads.each_s.iloc[0] * times


def _name(item):
    server = (" (first)" if item.cold else " (next)") if item.kind == "forkserver" else ""
    imports = "" if item.main_imports == "nothing" else f" + import {item.main_imports}"
    return f"{item.kind.removesuffix('s')}{server}{imports}"


def _variant(item):
    return item.name + (f" with {item.workers} together" if item.workers > 1 else "")


def _times(item):
    """Times a thread, if there is one; start-up agrees to no more than two digits from session to session."""
    return f"{words.digits(item.against_thread)}×" if item.kind != "threads" and item.against_thread > 0 else ""


def _figures(item):
    return words.duration(item.each_s) + (f" or {_times(item)}" if _times(item) else "")


def _told(result):
    return [f"{_variant(item)} {_figures(item)}" for item in summary(result).itertuples()]


def _cost(item):
    how = f"{_times(item)} that" if _times(item) else words.duration(item.each_s)
    server = " when its server had to be started first" if item.cold else " with its server there"
    return f"{words.one(item.kind)} {how}{server if item.kind == 'forkserver' else ''}"


def _change(result, item, imported):
    """How much longer a kind took with the import, compared in each round, and whether its workers ran the file."""
    rows = where(result.frame, kind=item.kind, cold=item.cold, workers=item.workers)
    rounds = rows.pivot_table("answer_s", "round", "main_imports", "median")
    more = 1000 * (rounds[imported] - rounds["nothing"]).median()
    ran = "each worker" if where(rows, main_imports=imported).ran_main.all() else "no worker"
    return f"{item.name} {more:+z.1f} ms ({ran} ran the file)"
