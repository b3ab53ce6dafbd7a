"""A result with very many rows is loaded, drawn and gathered in a time that grows with the rows, and no faster."""

import dataclasses

import pytest

from conc_lab.drawing import picture
from conc_lab.engine import experiment, result
from conc_lab.engine.stats import interval
from conc_lab.student.class_results import gather

ROWS = 20_000  # with 9,000 a cost that grew with their square took 23 s


def many(name):
    """A recording's rows, again and again, as further rounds."""
    recorded = result.recording(name)
    if "round" not in recorded.rows[0]:
        return dataclasses.replace(recorded, rows=recorded.rows * (ROWS // len(recorded.rows)))
    rounds = max(row["round"] for row in recorded.rows) + 1
    times = ROWS // len(recorded.rows)
    rows = [row | {"round": row["round"] + time * rounds} for time in range(times) for row in recorded.rows]
    return dataclasses.replace(recorded, rows=rows)


def test_an_interval_of_many_rounds():
    """The interval of 20,000 values ends, around their median."""
    low, high, coverage = interval(range(ROWS))
    assert ROWS / 2 - 200 < low < ROWS / 2 < high < ROWS / 2 + 200 and 0.93 <= coverage < 0.94


@pytest.mark.slow
def test_many_rows(tmp_path):
    """20,000 rows of every experiment are saved, loaded, drawn and gathered; the benchmark says in what time."""
    for name in set(experiment.names()) - {"faults", "sharing"}:
        loaded = result.load(many(name).save(tmp_path / "many.json"))
        assert picture.show(loaded).sentence.endswith(".") and len(picture.table(loaded)), name
        assert gather(tmp_path).results.keys() == {"many.json"}, name
