"""Seconds until workers have answered, by their kind; the least work for which starting workers pays; and claim C12."""

import numpy

from ...drawing import kit, verdict, words
from ...engine.machine import capacity
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import IMPORTS

VARIANT = ["kind", "cold", "main_imports", "workers"]
RAN = {True: " (each worker ran the file)", False: " (no worker ran the file)"}


@once
def summary(result: Result):
    """A DataFrame with a line for each kind, cold or not, main file and number of workers: medians over the rounds.

    kind, cold, main_imports, workers; answer_s (seconds until all have answered: the median of the rounds' medians),
    setup_s (the same of the whole start and end); thread_s (answer_s of as many threads, whatever the main file: a
    thread does not run it), against_thread (the ratio to that, taken in each round), low and high (the least and the
    largest of these ratios), all four NaN without threads; more_s (how much longer answer_s is than with a main file
    that imports nothing); rounds; ran_main (each worker ran the main file); in words: way (the kind, and whether its
    server had to be started first), name (of the whole variant), figure (answer_s; and for the fewest workers, times
    as many threads').
    """
    rows = result.frame.eval("setup_s = answer_s + end_s")
    rounds = rows.groupby([*VARIANT, "round"])[["answer_s", "setup_s"]].median().reset_index()
    threads = where(rows, kind="threads").groupby(["workers", "round"]).answer_s.median().rename("thread_s")
    bare = where(rounds, main_imports="nothing").set_index(["kind", "cold", "workers", "round"]).answer_s
    rounds = rounds.join(threads, on=threads.index.names).join(bare.rename("bare_s"), on=bare.index.names)
    rounds = rounds.assign(ratio=rounds.answer_s / rounds.thread_s, more_s=rounds.answer_s - rounds.bare_s)
    each, ran_main = rounds.groupby(VARIANT), rows.groupby(VARIANT).ran_main.all()
    ratios = each.ratio.agg(rounds="size", against_thread="median", low="min", high="max")
    lines = each[["answer_s", "setup_s", "thread_s", "more_s"]].median().join([ratios, ran_main]).reset_index()
    server = lines.cold.map({True: " (first)", False: " (next)"}).where(lines.kind == "forkserver", "")
    imports = (" + import " + lines.main_imports).where(lines.main_imports != "nothing", "")
    together = (", " + lines.workers.astype(str) + " together").where(lines.workers > 1, "")
    alone = (lines.thread_s > 0) & (lines.kind != "threads") & (lines.workers == lines.workers.min())
    times = (" (" + lines.against_thread.map(words.digits) + "×)").where(alone, "")
    lines["way"] = lines.kind.str.removesuffix("s") + server
    lines["name"] = lines.way + imports + together
    lines["figure"] = lines.answer_s.map(words.duration) + times
    return kit.ordered(lines, VARIANT, kind=kit.LOOKS, cold=(True, False), main_imports=IMPORTS)


def startup_chart(result: Result, bet):
    """Time until all have answered, on a log scale, for each variant; a bet is how many threads' time spawn takes."""
    lines, until = summary(result), "time until all have answered"
    imported, least = result.params["main_imports"], lines.workers.min()
    plain, heavy = (where(lines, workers=least, main_imports=main) for main in ("nothing", imported))
    what = "to a worker's first answer" if least == 1 else f"until {words.count(least, 'worker')} have answered"
    parts = [f"time {what}: {', '.join(starts := plain.way + ' ' + plain.figure)}"]
    found = f"time {what}: {'; '.join(dict.fromkeys(starts.iloc[[0, -1]]))}"
    strips = lines.assign(name=lines.name.str.replace(" + ", "\n+ "), low=lines.answer_s, high=lines.answer_s)
    ax = kit.strips(strips, result.frame, "answer_s", words.duration, found, until)
    told = list(lines.name + ": " + lines.figure)
    spawned = where(lines, kind="spawn", workers=1, main_imports="nothing").dropna(subset="thread_s")
    for *_, times in bet.points if bet and len(spawned) else ():
        seconds = times * spawned.thread_s.item()
        ax.legend(ax.plot(seconds, spawned.index, **kit.BET), ["your bet"], **kit.LEGEND)
        ax.set_xlim(right=max(ax.get_xlim()[1], 2 * seconds))
        told.append(f"your bet: {words.duration(seconds)}")
    alt = f"{until.capitalize()}, against as many threads, medians of {words.rounds(result)}: {'; '.join(told)}."
    if imported != "nothing":
        more = heavy.way + (1e3 * heavy.more_s).map(" {:+z.1f} ms".format) + heavy.ran_main.map(RAN)
        parts.append(f"import {imported} in the main file adds: {', '.join(more)}")
    return ax.figure, alt, words.sentence(*parts).replace("×", " times as long")


def breakeven_chart(result: Result, bet):
    """The best speedup possible against the work's serial time, with the measured setup, where workers pay marked.

    The best case: work/k + setup < work, with as many workers k as there are CPUs; sharing it out costs nothing.
    """
    imports, most = result.params["main_imports"], max(result.params["workers"])
    cpus, gil = capacity(result.machine), result.machine["gil"]
    lines = where(summary(result), main_imports=imports, workers=most)
    lines = lines.assign(together=[1 if gil and kind == "threads" else max(1, min(most, cpus)) for kind in lines.kind])
    lines["pays_s"] = lines.setup_s / (1 - 1 / lines.together).clip(lower=0)
    lines["pays"] = lines.way + (" from " + lines.pays_s.map(words.duration)).where(lines.pays_s < numpy.inf, " never")
    ax = kit.figure(4.4, f"when starting workers pays off, at best: {lines.pays[lines.pays_s.idxmin()]}").add_subplot()
    works = numpy.geomspace(lines.setup_s.min() / 3, lines.setup_s.max() * 40, 201)
    for place, line in enumerate(lines.itertuples()):
        look = kit.LOOKS[line.kind] | {"linestyle": "--" if line.cold else "-"}
        speedup = works / (works / line.together + line.setup_s)
        ax.plot(works, speedup, **look, markevery=(4 * place, 40), markersize=5, label=line.pays)
        ax.plot(line.pays_s, 1, **look, markersize=10)
    ax.axhline(1, color="#555555", linewidth=1)
    ax.set(xmargin=0, ylim=(0, None), xlabel="time of the whole work in serial", ylabel="best speedup\n(serial = 1)")
    ax.yaxis.set_major_formatter("{x:g}×")
    ax.grid(True, axis="y")
    kit.log(ax, "x", words.duration)
    ax.legend(ncols=2, **kit.LEGEND)
    alt = f"Best possible speedup by the serial time of the work, where it exceeds 1×: {'; '.join(lines.pays)}."
    who = f"{words.count(most, 'worker')} on {words.count(cpus, 'usable CPU')} beat a plain loop if it is long enough"
    best = f"at best, {who}{f' (main file: import {imports})' * (imports != 'nothing')}: {', '.join(lines.pays)}"
    return ax.figure, alt, words.sentence(best, *["with the GIL, threads don't make pure Python faster"] * gil)


def C12_verdict(started: Result):
    """Times a thread's start, by start method."""
    lines = where(summary(started), workers=1, main_imports="nothing").query("kind not in ('threads', 'interpreters')")
    ranges = [words.between(*ratios) for ratios in zip(lines.low, lines.against_thread, lines.high, strict=True)]
    dear, cheap = lines.low >= verdict.TENFOLD, lines.high < verdict.TENFOLD
    return verdict.first(
        f"times a thread: {', '.join(lines.way + ' ' + ranges)}",
        (lines.rounds.min() < verdict.FEWEST, "cannot tell", verdict.TOO_FEW),
        (dear.all() and len(lines) > 1, "holds", "how long a process takes depends on the start method"),
        (dear.all(), "holds", "a process took at least ten times as long to start as a thread, in every round"),
        (dear.any(), "depends", "on the start method"),
        (cheap.all(), "does not hold", "no process took ten times as long as a thread"),
    )
