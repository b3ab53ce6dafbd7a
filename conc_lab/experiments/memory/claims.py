"""What the memory that workers add makes of the claim that threads need no more of it."""

from ...drawing.verdict import TENFOLD, Verdict, decides, first, ranged
from ...engine.result import Result
from ...engine.stats import where
from .chart import added, megabytes, meter, summary


@decides("C8")
def a_threads_memory(kept: Result) -> Verdict:
    """What each thread adds to the machine's memory, against the process that adds the least."""
    by, most = meter(kept.frame), max(kept.params["workers"])
    each = where(kept.frame, workers=most).assign(each=lambda rows: added(rows, by) / most).groupby("kind").each
    each = {kind: each.get_group(kind) for kind in summary(kept).kind.unique() if kind != "interpreters"}
    ranges = ", ".join(f"{kind} {ranged(sizes, megabytes)}" for kind, sizes in each.items())
    thread, process = each.pop("threads").max(), min(sizes.min() for sizes in each.values())
    cheap, dear = thread * TENFOLD <= process, thread * 2 >= process
    return first(
        f"{by.upper()} for each of {most}, helpers included, MB: {ranges}",
        (by == "rss", "cannot tell", kept.rows[0]["missing"]),
        (cheap, "holds", "nearly: a thread adds the used part of its stack, a process many times that"),
        (dear, "does not hold", "a thread added about as much as the cheapest process"),
        (True, "depends", "on what you compare with: the cheapest process is not ten times as dear here"),
    )
