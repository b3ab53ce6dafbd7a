"""Interval: the switch interval is set, and what rows allow to say."""

import re
import sys

import pytest
from made import interval as made

from conc_lab.engine import in_worker, parameters, tasks
from conc_lab.engine.errors import LabError
from conc_lab.experiments.interval import chart, measure

PYTHONS_INTERVAL_S = 0.005


def items(**params):
    """What a small run yields, made in this process."""
    small = {"intervals_us": [70], "run_ms": 1, "rounds": 1}
    return measure.interval(**parameters.checked(measure.interval, small | params))


def test_uncounted_switches(monkeypatch):
    """Where the platform counts no switches, they are empty with the reason, and the times are there."""
    monkeypatch.setattr(in_worker, "resource", None)
    for row in items():
        assert row["voluntary_switches"] is None and row["involuntary_switches"] is None and row["wall_s"] > 0
        assert re.search("^the standard library cannot count a thread's switches on ", row["reason"])


@pytest.fixture
def computing(monkeypatch):
    """The calls that workers make instead of computing, each with the switch interval that it met."""
    calls = []
    sys.setswitchinterval(PYTHONS_INTERVAL_S)  # whatever an earlier test has left
    monkeypatch.setattr(tasks, "calibrate", lambda *args: 77)
    monkeypatch.setattr(tasks, "count_primes", lambda size: calls.append((size, sys.getswitchinterval())))
    yield calls
    sys.setswitchinterval(PYTHONS_INTERVAL_S)


def test_the_interval_is_set(computing):
    """Threads run at the interval of their row, and serial does the work of them all at Python's own."""
    for item in items(workers=[1, 3]):
        wanted = PYTHONS_INTERVAL_S if item["kind"] == "serial" else 70e-6
        met = [interval for size, interval in computing if size == 77]
        assert met == pytest.approx([wanted] * item["workers"])
        computing.clear()


def test_workers_that_differ(computing, monkeypatch):
    """Workers that return different things have no figures, but a sentence."""
    monkeypatch.setattr(tasks, "count_primes", lambda size: object())
    with pytest.raises(LabError, match="returned different results for the same work, so no figures are shown"):
        list(items())


def test_sentences_that_no_recording_has():
    """Rounds that do not tell, and no counts, whose panels are left out, with the reason."""
    words = chart.interval_chart(made.made({5000: (1.0, 1.0, 1), 10: ([0.9, 1.1], [0.9, 1.1], 1)}), None)[2]
    assert words.count("no clear difference") == 2
    figure, alt, words = chart.interval_chart(made.made(counted=False, serial_cpu_s=0.0), None)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["speedup (serial = 1)"] and "CPU cost" not in alt
    assert words.endswith("CPU cost no clear difference. Plan 9 does not tell.")


def test_chart():
    """Speedup, CPU cost and switches stand above each other, against the serial run of the same round."""
    figure, alt, words = chart.interval_chart(made.made(), None)
    assert [ax.get_title(loc="left") for ax in figure.axes] == list(chart.PANELS.values())
    assert [tick.get_text() for tick in figure.axes[-1].get_yticklabels()] == [
        "2 threads at 5 ms",
        "2 threads at 10 µs",
    ]
    widths = [[bar.get_width() for bar in ax.patches][:2] for ax in figure.axes]
    assert widths == [[1, 0.625], [1, 2], [400, 13_750]]
    assert "CPU cost (serial = 1), 2 threads at 10 µs: 2 (in every round)" in alt
    assert words == "2 threads at 10 µs instead of 5 ms: speed 0.62×, CPU cost 2.00×."
    found = chart.against_serial(made.made(rounds=2, serial_cpu_s=[0.8, 1.6]))
    columns = ["interval_us", "throughput", "cpu_cost", "switches_per_s"]
    first = [[5000, 1, 1.25, 400], [10, 0.625, 2.5, 13_750]]
    second = [[5000, 1, 0.625, 400], [10, 0.625, 1.25, 13_750]]
    assert found[columns].to_numpy().tolist() == first + second
