"""Rounds, and what the rows of several rounds come to."""

import pandas

from conc_lab.engine import experiment
from conc_lab.engine.stats import paired, spread


def test_rounds(monkeypatch):
    """Every variant comes once a round, shuffled anew, and the progress grows to 1 with the end of each round."""
    said = []
    monkeypatch.setattr(experiment, "progress", lambda fraction, _, round_done: said.append((fraction, round_done)))
    taken = list(experiment.in_rounds(range(9), 20))
    orders = [[variant for number, _, variant in taken if number == which] for which in range(20)]
    assert all(sorted(order) == list(range(9)) for order in orders) and len(set(map(tuple, orders))) > 1
    fractions, done = zip(*said, strict=True)
    assert list(fractions) == sorted(fractions) and fractions[-1] == 1 and [*done] == ([False] * 8 + [True]) * 20


def frame(**values):
    rows = [{"round": n, "kind": kind, "x": x} for kind, each in values.items() for n, x in enumerate(each)]
    return pandas.DataFrame(rows, columns=["round", "kind", "x"])


def test_spread_and_paired():
    """None is left out of a spread; a ratio is that of rounds that have both, a verdict needs five that agree."""
    found = spread(frame(a=[3.0, 1.0, None, 2.0], b=[None], c=[7.0]), "x", "kind")
    assert found.to_numpy().tolist() == [["a", 2.0, 1.0, 3.0, 3], ["c", 7.0, 7.0, 7.0, 1]]
    cases = [
        ([1.0, 10.0, 2.0, 4.0, 1.0], [2.0, 20.0, 4.0, 8.0, 2.0], 0.5, "less"),  # paired: their ranges overlap
        ([2.0] * 5, [1.0] * 5, 2.0, "more"),
        ([1.0, 2.0, 1.0, 2.0, 1.0], [2.0, 1.0, 2.0, 1.0, 2.0], 0.5, "unclear"),
        ([None, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0, None, 2.0, 2.0, 2.0, 2.0], 0.5, "unclear"),  # four pairs
        ([1.0], [0.0], None, "unclear"),
        ([], [], None, "unclear"),
    ]
    for first, second, *expected in cases:
        assert [*paired(frame(a=first, b=second), "x", {"kind": "a"}, {"kind": "b"})] == expected, first
