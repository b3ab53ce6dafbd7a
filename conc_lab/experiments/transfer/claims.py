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
    times = moved.shown.set_index(["size_bytes", "kind", "channel"]).handover_s.sort_index()
    sizes = sorted(where(moved.frame, channel="reference").size_bytes.unique())
    parts = []
    for size in dict.fromkeys((sizes[0], sizes[-1])):
        both = (f"{pair[1]} {ranged(times[size, *pair], words.duration)}" for pair in (REFERENCE, PICKLE))
        parts.append(f"{size / 1e6:g} MB: {', '.join(both)}")
    bare = where(raced.frame, method="handshake", kind="threads", count="shared", lock="none")
    lost = f"{bare.lost.sum():,} of {bare.expected.sum():,} updates, each made to meet another, were"
    price = f"its price is races: {lost} lost without a lock"
    slower, faster = crossing(moved, REFERENCE, PICKLE)
    since = f"from {faster / 1e6:g} MB on the reference was sooner in every round" if faster else ""
    return first(
        "; ".join(parts),
        (moved.frame["round"].nunique() < FEWEST, "cannot tell", TOO_FEW),
        (len(sizes) == 1, "cannot tell", "one size alone does not show what depends on the size"),
        (faster == sizes[0], "holds", price),
        (faster, "depends", f"on the size: {since}; {price}"),
        (slower == sizes[-1], "does not hold", "the pickle was never slower"),
        (True, "cannot tell", NOISE),
    )
