"""Interval: the switch interval is set and restored, and what rows allow to say."""

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
    for row in (item for item in items() if isinstance(item, dict)):
        assert row["voluntary_switches"] is None and row["involuntary_switches"] is None and row["wall_s"] > 0
        assert re.search("does not tell Python the context switches of a thread$", row["reason"])


@pytest.fixture
def computing(monkeypatch):
    """The calls that workers make instead of computing, each with the switch interval that it met."""
    calls = []
    sys.setswitchinterval(PYTHONS_INTERVAL_S)  # whatever an earlier test has left
    monkeypatch.setattr(tasks, "calibrate", lambda *args: 77)
    monkeypatch.setattr(tasks, "count_primes", lambda size: calls.append((size, sys.getswitchinterval())))
    return calls


def test_the_interval_is_set_and_restored(computing):
    """Threads run at the interval of their row, serial does the work of them all, and then it is as before."""
    for item in items(workers=[1, 3]):
        if isinstance(item, dict):
            wanted = PYTHONS_INTERVAL_S if item["kind"] == "serial" else 70e-6
            met = [interval for size, interval in computing if size == 77]
            assert met == pytest.approx([wanted] * item["workers"])
            assert sys.getswitchinterval() == PYTHONS_INTERVAL_S
            computing.clear()


def test_workers_that_go_wrong(computing, monkeypatch):
    """Workers that return different things show no figures, and one that raises leaves the interval as it was."""
    for wrong, words in (
        (lambda size: object(), "returned different results"),
        (lambda size: 1 / 0, "division by zero"),
    ):
        monkeypatch.setattr(tasks, "count_primes", wrong)
        with pytest.raises((LabError, ZeroDivisionError), match=words):
            list(items())
        assert sys.getswitchinterval() == PYTHONS_INTERVAL_S


def test_sentences_that_no_recording_has():
    """Rounds that do not tell, one interval, starved threads, and no counts, which are drawn as such."""
    words = chart.interval_sentence(made.made({5000: (1.0, 1.0, 1), 10: ([0.9, 1.1], [0.9, 1.1], 1)}))
    assert words.count("these rounds do not tell") == 2
    assert "short interval" not in chart.interval_sentence(made.made({5000: (1.0, 1.0, 400)}))
    words = chart.interval_sentence(made.made({5000: (1.0, 0.25, 1), 10: (1.0, 0.3, 1)}))
    assert "left these threads 0.25 of a core" in words
    figure, _, words = chart.interval_chart(made.made(counted=False, serial_cpu_s=0.0), None, None)
    assert "a second" not in words and "its CPU time" not in words and words.endswith(" Plan 9 does not tell.")
    assert [text.get_text() for text in figure.axes[-1].texts] == ["not counted on this system"]


def test_chart():
    """Work done, CPU time and switches stand above each other, against the serial run of the same round."""
    axes = chart.interval_chart(made.made(), None, None)[0].axes
    assert [ax.get_ylabel() for ax in axes] == [label for label, _ in chart.PANELS.values()]
    assert [tick.get_text() for tick in axes[-1].get_xticklabels()] == ["5 ms", "10 µs"]
    strong = [next(line for line in ax.lines if len(line.get_xdata()) == 2) for ax in axes]
    assert [list(line.get_ydata()) for line in strong] == [[1, 0.625], [1, 2], [400, 13_750]]
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["2 threads"]
    found = chart.against_serial(made.made(rounds=2, serial_cpu_s=[0.8, 1.6]))
    columns = ["interval_us", "throughput", "cpu_cost", "cores_busy", "switches_per_s"]
    first = [[5000, 1, 1.25, 1, 400], [10, 0.625, 2.5, 1.25, 13_750]]
    second = [[5000, 1, 0.625, 1, 400], [10, 0.625, 1.25, 1.25, 13_750]]
    assert found[columns].to_numpy().tolist() == first + second
