"""Context switches of one worker, voluntary and involuntary, by kind of work and of worker."""

import pandas

from ...drawing import kit, words
from ...drawing.verdict import Verdict, decides, first, ranged
from ...engine.result import Result, once
from ...engine.stats import where
from .measure import WORKS

NEEDS_TWO_CPUS = True
COUNTS = ["voluntary_switches", "involuntary_switches"]


@once
def summary(result: Result) -> pandas.DataFrame:
    """Medians of one worker, a line for each work, number and kind of workers; name and figure."""
    rows = result.shown.astype({"kind": pandas.CategoricalDtype([*kit.LOOKS])} | dict.fromkeys(COUNTS, float))
    lines = rows.groupby(["work", "workers", "kind"], observed=True)[COUNTS].median().reset_index()
    figures = lines.voluntary_switches.map("{:,.0f} voluntary".format)
    figures += lines.involuntary_switches.map(", {:,.0f} involuntary".format)
    figures = figures.where(lines.voluntary_switches.notna(), "not counted on this system")
    return lines.assign(name=list(map(words.name, lines.kind, lines.workers)), figure=figures)


def switches_chart(result: Result, bet):
    """Bars for every work, above each other."""
    what = f"median switches of one worker (hatched: involuntary); waiting is {result.params['waits']:,} waits"
    return *kit.bars(summary(result), "work", *COUNTS, what, sharex=True), switches_sentence(result)


def switches_sentence(result: Result) -> str:
    """The voluntary switches of each kind of worker on each kind of work."""
    counted = summary(result).dropna()
    each = [f"{line.voluntary_switches:,.0f} with {line.name} {line.work}" for line in counted.itertuples()]
    texts = [f"median voluntary switches of one worker: {'; '.join(each)}"] if each else []
    return words.sentence(*texts, *result.frame.reason.dropna().unique())


@decides("C9")
def more_switches(counted: Result) -> Verdict:
    """Voluntary switches of threads and of processes on equal work: three kinds of it, shared memory in all."""
    for problem in counted.frame.reason.dropna():
        return Verdict("cannot tell", problem)
    rows = where(counted.shown, workers=max(counted.params["workers"]))
    parts, more = [], []
    for work in WORKS:
        threads, processes = (where(rows, work=work, kind=kind).voluntary_switches for kind in ("threads", "processes"))
        parts.append(f"{work} {ranged(threads)} against {ranged(processes)}")
        if threads.median() > 1.5 * processes.median() + 10:  # a handful come with starting and ending
            more.append(work)
    on = f"on the work, not on sharing: threads share memory in all, and switched more when {' and '.join(more)}"
    return first(
        f"voluntary switches of a thread against a process: {', '.join(parts)}",
        (len(more) == len(WORKS), "holds", "threads switched more, whatever they did"),
        (more, "depends", on),
        (True, "does not hold", "threads, which share memory, switched no more than processes"),
    )
