"""What counted switches make of the claim that threads pay for shared memory with them."""

from ...drawing.verdict import Verdict, decides, first, ranged
from ...engine.result import Result
from ...engine.stats import where
from .measure import WORKS


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
