"""What start-up times make of the claim that threads are quick to create and processes are not."""

from ...drawing.verdict import FEWEST, NOISE, TENFOLD, TOO_FEW, Verdict, between, decides, first
from ...engine.result import Result
from ...engine.stats import where
from .chart import summary


@decides("C12")
def dearer_to_start(started: Result) -> Verdict:
    """Times a thread's start, by start method."""
    lines = where(summary(started), workers=1, main_imports="nothing").query("kind not in ('threads', 'interpreters')")
    ranges = [between(*ratios) for ratios in zip(lines.low, lines.against_thread, lines.high, strict=True)]
    dear, cheap = lines.low >= TENFOLD, lines.high < TENFOLD
    return first(
        f"times a thread: {', '.join(lines.way + ' ' + ranges)}",
        (lines.rounds.min() < FEWEST, "cannot tell", TOO_FEW),
        (dear.all() and len(lines) > 1, "holds", "how long a process takes depends on the start method"),
        (dear.all(), "holds", "starting a process took at least ten times as long as a thread in every round"),
        (dear.any(), "depends", "on the start method"),
        (cheap.all(), "does not hold", "no process took ten times as long as a thread"),
        (True, "cannot tell", NOISE),
    )
