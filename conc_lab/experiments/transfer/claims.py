"""What hand-overs, and updates lost in races, make of the claim on one memory for all."""

from ...drawing import words
from ...drawing.verdict import FEWEST, NOISE, TOO_FEW, Verdict, decides, first, ranged
from ...engine.result import Result
from ...engine.stats import where
from .chart import crossing

REFERENCE, PICKLE = ("threads", "reference"), ("processes", "pickle")


@decides("C14")
def one_memory_for_all(moved: Result, raced: Result) -> Verdict:
    """A reference against a pickle, by size; and the price, updates lost without a lock."""
    times = moved.shown.groupby(["kind", "channel", "size_bytes"]).handover_s.agg(ranged, words.duration)
    ends = times.unstack(["kind", "channel"]).iloc[[0, -1]]  # the smallest and the largest size
    parts = map("{:g} MB: reference {}, pickle {}".format, ends.index / 1e6, ends[REFERENCE], ends[PICKLE])
    bare = where(raced.frame, method="handshake", kind="threads", count="shared", lock="none")
    lost, updates = bare[["lost", "expected"]].sum()
    price = f"its price is races: {lost:,} of {updates:,} updates, each made to meet another, were lost without a lock"
    faster, ever = crossing(moved, REFERENCE, PICKLE)
    since = f"from {(faster or 0) / 1e6:g} MB on the reference was sooner in every round"
    return first(
        "; ".join(dict.fromkeys(parts)),
        (moved.frame["round"].nunique() < FEWEST, "cannot tell", TOO_FEW),
        (ends.index[0] == ends.index[-1], "cannot tell", "one size alone does not show what depends on the size"),
        (faster == ends.index[0], "holds", price),
        (faster, "depends", f"on the size: {since}; {price}"),
        (not ever, "does not hold", "the pickle was never slower"),
        (True, "cannot tell", NOISE),
    )
