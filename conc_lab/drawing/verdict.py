"""How rows decide a claim or a bet.

The deciders stand in the chart.py of their experiments: C4_verdict makes a `Verdict` on the claim C4, from the results
that claims.json names for it, and crash_verdict one on the bet of that name. None goes beyond its rows: where these
cannot tell, the verdict says why.
"""

from collections import namedtuple

FEWEST = 5  # rounds: the least and the greatest of fewer hold their median with less than 90 % (see `interval`)
TENFOLD = 10  # in memory and start-up, less than that is no difference between cheap and dear
TOO_FEW = "this run had too few rounds"
NOISE = "the rounds differ too much"
ONE_CPU = "with one usable CPU, all workers together get at most one CPU's time, whatever their kind"


# What the rows say of a claim: word is "holds", "depends", "does not hold", "cannot tell" or "not measured yet"; of a
# bet, "cannot tell", or what the option that the rows bear out has as "rows" in the lesson's file. why: what it depends
# on, or why it is so or cannot be told; figure: what decided it.
Verdict = namedtuple("Verdict", "word why figure", defaults=[""])


def first(figure: str, *rules: tuple) -> Verdict:
    """The verdict of the first rule, (whether it applies, word, why), that applies; without one the rows differ."""
    return Verdict(*next((verdict for applies, *verdict in rules if applies), ("cannot tell", NOISE)), figure)
