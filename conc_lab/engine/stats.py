"""What the rows of several rounds come to: spreads, intervals, and ratios taken round by round."""

from itertools import accumulate
from math import exp, lgamma, log

from .machine import capacity

SURE = 0.93  # the least coverage of an interval, where there are rounds enough for that
MOSTLY_WAITING = 0.3  # cores busy in serial, below which a task is said to wait


def interval(values) -> tuple[float, float, float]:
    """(low, high, coverage): order statistics that hold the median with at least 93 % where that many exist.

    Distribution-free and for this session only: rounds on a shared host are not exchangeable.
    """
    ordered, n = sorted(values), len(values)
    chances = (exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) - n * log(2)) for i in range(max(1, (n + 1) // 2)))
    coverages = [1 - 2 * tail for tail in accumulate(chances)]  # a chance is comb(n, i) / 2**n
    k = max(0, sum(coverage >= SURE for coverage in coverages) - 1)  # they fall
    return ordered[k], ordered[n - 1 - k], max(0.0, coverages[k])


def spread(frame, column: str, *by: str):
    """A DataFrame with median, low, high and runs of `column`, a line for each value of `by`; None is left out."""
    groups = frame[frame[column].notna()].groupby(list(by), sort=False, dropna=False)[column]
    return groups.agg(median="median", low="min", high="max", runs="count").reset_index()


def where(frame, **wanted):
    """The rows of a DataFrame that have these values."""
    return frame[(frame[[*wanted]] == [*wanted.values()]).all(axis="columns")]


def paired(frame, column: str, first: dict, second: dict) -> tuple[float | None, str]:
    """(median ratio, verdict) of the rows that match `first` over those that match `second`, round by round.

    The verdict is "less" or "more" where the `interval` of the ratios excludes 1; "unclear" where it does not, or
    where there are too few rounds. The ratio is None where no round has both.
    """
    above, below = (where(frame, **wanted).set_index("round")[column] for wanted in (first, second))
    ratios = (above / below[below != 0]).dropna()
    if ratios.empty:
        return None, "unclear"
    low, high, coverage = interval(ratios)
    verdict = "unclear" if coverage < 0.9 or low <= 1 <= high else "less" if high < 1 else "more"
    return ratios.median(), verdict


def character(frame) -> str:
    """What serial runs did with their time: "computes", "waits", "mixed", or "starved".

    A task that waits gives up its CPU voluntarily, once a task or more; one that computes and yet kept
    its core busy for less than 0.9 of the time had it taken away by other programs: it was starved.
    """
    serial = frame[frame.kind == "serial"]
    busy, gave_up = serial.cores_busy.median(), (serial.voluntary_switches / serial.tasks).median()
    if busy >= 0.9:
        return "computes"
    if gave_up < 0.5:
        return "starved"
    return "waits" if busy < MOSTLY_WAITING else "mixed"


def at_once(result) -> float:
    """How many workers the CPUs let do their part at the same time; no more speedup is to be had.

    Work that waits needs a CPU for a part of its time. A quota below 1 slows serial as well.
    """
    alone = where(result.frame, kind="serial").cores_busy.median()
    busy = alone if character(result.frame) in ("waits", "mixed") else 1
    return max(1, capacity(result.machine) / max(busy, 0.001))
