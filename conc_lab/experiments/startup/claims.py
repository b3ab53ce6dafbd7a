"""What start-up times make of the claim that threads are quick to create and processes are not."""

from ...drawing.verdict import FEWEST, NOISE, TENFOLD, TOO_FEW, Verdict, between, decides
from ...engine.kinds import START_METHODS
from ...engine.result import Result
from ...engine.stats import where
from .chart import summary


@decides("C12")
def dearer_to_start(started: Result) -> Verdict:
    """Times a thread's start, by start method."""
    lines = where(summary(started), workers=1, main_imports="nothing")
    lines = lines[lines.kind.isin(START_METHODS)]
    figure = "times a thread: " + ", ".join(
        f"{item.kind}{' with its server' if item.cold else ''} {between(item.low, item.against_thread, item.high)}"
        for item in lines.itertuples()
    )
    if lines.rounds.min() < FEWEST:
        return Verdict("cannot tell", TOO_FEW, figure)
    if (lines.low >= TENFOLD).all():
        several = "how long a process takes depends on the start method"
        one = "starting a process took at least ten times as long as a thread in every round"
        return Verdict("holds", several if len(lines) > 1 else one, figure)
    if (lines.low >= TENFOLD).any():
        return Verdict("depends", "on the start method", figure)
    if (lines.high < TENFOLD).all():
        return Verdict("does not hold", "no process took ten times as long as a thread", figure)
    return Verdict("cannot tell", NOISE, figure)
