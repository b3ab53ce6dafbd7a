"""What round trips make of the claim on switching from one worker to another."""

from ...drawing.verdict import Verdict, between, decides, first
from ...engine.result import Result
from ...engine.stats import paired
from .chart import VARIANT, summary
from .measure import PARTNERS


@decides("C13")
def quick_to_switch(handed: Result) -> Verdict:
    """Round trips through the same pipe by threads and by processes, and by threads with locks."""
    lines = summary(handed)[: len(PARTNERS)]  # of the first place that has figures
    parts = [f"{x.kind} by {x.primitive} {between(x.low, x.round_trip_us, x.high)}" for x in lines.itertuples()]
    pipe, processes, lock = lines[VARIANT].to_dict("records")
    by_pipe, by_lock = (paired(handed.frame, "round_trip_us", threads, processes)[1] for threads in (pipe, lock))
    return first(
        f"µs there and back, {lines.place[0]}: {', '.join(parts)}",
        (by_pipe == "unclear", "cannot tell", "by the same pipe now one was ahead, now the other"),
        (by_pipe == "more", "does not hold", "by the same pipe processes were faster"),
        (by_lock == "more", "depends", "on how they hand over: by the same pipe threads lead, by a lock they do not"),
        (True, "holds", "by the same pipe"),
    )
