"""Context switches of one worker, voluntary and involuntary, by kind of work and of worker; and claim C9."""

from ...drawing import kit, verdict, words
from .measure import WORKS

NEEDS_TWO_CPUS = True
BY = ["work", "workers", "kind"]
COUNTS = ["voluntary_switches", "involuntary_switches"]


def summary(result):
    """A DataFrame with the medians of one worker, a line for each work, number and kind of workers; name and figure."""
    lines = kit.medians(result.shown.astype(dict.fromkeys(COUNTS, float)), BY, COUNTS, kind=kit.LOOKS)
    lines["figure"] = list(map("{:,.0f} voluntary, {:,.0f} involuntary".format, *lines[COUNTS].to_numpy().T))
    lines.loc[lines.voluntary_switches.isna(), "figure"] = "not counted on this system"
    return lines.assign(name=list(map(words.name, lines.kind, lines.workers)))


def switches_chart(result, bet):
    """Bars for every work, above each other; the sentence has the voluntary switches."""
    lines, waits = summary(result), result.params["waits"]
    each = [f"{line.voluntary_switches:,.0f} with {line.name} {line.work}" for line in lines.dropna().itertuples()]
    texts = [f"one worker switched voluntarily this many times (median): {', '.join(each)}"] if each else []
    sentence = words.sentence(*texts, *result.frame.reason.dropna().unique())
    what = f"switches of one worker (hatched: involuntary); waiting is {waits:,} waits"
    found = (lines.name + " " + lines.work + ": " + lines.figure)[lines.voluntary_switches.fillna(0).idxmax()]
    return *kit.bars(lines, "work", *COUNTS, what, found, sharex=True), sentence


def C9_verdict(counted):
    """Voluntary switches of threads and of processes on equal work: three kinds of it, shared memory in all."""
    for problem in counted.frame.reason.dropna():
        return verdict.Verdict("cannot tell", problem)
    counts = counted.shown.query("workers == workers.max()").groupby(["kind", "work"]).voluntary_switches
    told, medians = counts.agg(words.ranged), counts.median()
    parts = [f"{work} {told['threads', work]} against {told['processes', work]}" for work in WORKS]
    # A few come with starting and ending.
    more = [work for work in WORKS if medians.threads[work] > 1.5 * medians.processes[work] + 10]
    on = f"on the work, not on sharing: threads always share memory, and switched more when {' and '.join(more)}"
    no = "threads share all memory and switched no more than processes, apart from a few times at the start"
    return verdict.first(
        f"voluntary switches, a thread against a process: {', '.join(parts)}",
        (len(more) == len(WORKS), "holds", "threads switched more, whatever they did"),
        (more, "depends", on),
        (True, "does not hold", no),
    )
