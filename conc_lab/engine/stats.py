"""What the rows of several rounds come to: groups of rows, spreads, intervals, and ratios taken round by round."""

import statistics
from collections import namedtuple
from math import comb

Spread = namedtuple("Spread", "median low high runs")


def grouped(rows: list[dict], *columns: str) -> dict[tuple, list[dict]]:
    """The rows by their values in these columns, in the order in which the values first come."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in columns), []).append(row)
    return groups


def spread(rows: list[dict], column: str, *by: str) -> dict[tuple, Spread]:
    """Median, least and greatest of `column` over the runs, by the values of the columns `by`; None is left out."""
    found = {}
    for key, mine in grouped([row for row in rows if row[column] is not None], *by).items():
        values = [row[column] for row in mine]
        found[key] = Spread(statistics.median(values), min(values), max(values), len(values))
    return found


def interval(values: list[float]) -> tuple[float, float, float]:
    """(low, high, coverage): order statistics that hold the median with at least 93 % where that many exist.

    Distribution-free and for this session only: rounds on a shared host are not exchangeable.
    """
    ordered, n = sorted(values), len(values)
    best = (0, 1 - 2 / 2**n)
    for k in range(1, (n + 1) // 2):
        coverage = 1 - 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n
        if coverage >= 0.93:
            best = (k, coverage)
    return ordered[best[0]], ordered[n - 1 - best[0]], max(0.0, best[1])


def paired(rows: list[dict], column: str, first: dict, second: dict) -> tuple[float | None, str]:
    """(median ratio, verdict) of the rows that match `first` over those that match `second`, round by round.

    The verdict is "less" or "more" where the `interval` of the ratios excludes 1; "unclear" where it does not, or
    where there are too few rounds. The ratio is None where no round has both.
    """

    def by_round(wanted):
        rows_ = [row for row in rows if row[column] is not None and wanted.items() <= row.items()]
        return {row["round"]: row[column] for row in rows_}

    above, below = by_round(first), by_round(second)
    ratios = [above[number] / below[number] for number in above if below.get(number)]
    if not ratios:
        return None, "unclear"
    low, high, coverage = interval(ratios)
    verdict = "unclear" if coverage < 0.9 or low <= 1 <= high else "less" if high < 1 else "more"
    return statistics.median(ratios), verdict
