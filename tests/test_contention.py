"""Contention: one list for all threads or a list each, what rows allow to say; and results of several Pythons."""

import pytest
from made import contention as made
from made import startup
from made.results import MACHINE, TWO
from made.results import made as made_speedup

from conc_lab.engine import parameters
from conc_lab.engine.errors import LabError
from conc_lab.experiments.contention import chart, measure, worker
from conc_lab.student import compare

PYTHON = f"Python {MACHINE['python']}"


@pytest.fixture
def rows(monkeypatch):
    """A function that returns what a small run of 70 operations a thread yields, made in this process."""
    monkeypatch.setattr(measure.tasks, "calibrate", lambda *args: 70)
    return lambda **params: measure.contention(**parameters.checked(measure.contention, {"rounds": 1} | params))


def test_whose_list(rows, monkeypatch):
    """Threads that share use one list together, all others one of their own; operations are those of all threads."""
    given = []
    monkeypatch.setitem(measure.WORKS, "read", lambda shared, times: given.append((times, id(shared))) or times)
    for row in rows(works="read", workers=[3]):
        lists = [which for times, which in given if times == 70]
        assert len(lists) == row["workers"] and row["operations"] == 70 * row["workers"]
        assert set(lists) == {id(None)} if row["sharing"] == "own" else len(set(lists)) == 1 and id(None) not in lists
        given.clear()
    made_by = [worker.read(None, 1), worker.append(None, 1), worker.read(shared := worker.made(), 2)]
    assert made_by == [1, 1, 2] and len(shared) == worker.ITEMS


def test_lost_operations(rows, monkeypatch):
    """Where a list does not have what it must have in the end, no time is shown."""
    monkeypatch.setitem(measure.WORKS, "append", lambda shared, times: (shared or []).append(times))
    with pytest.raises(LabError, match=r"a list of 100 items has 10\d after appending and popping"):
        list(rows(works="append"))


def test_chart():
    """A panel for each work, each bar against one thread with its own list in the same round; the Python is named."""
    figure, alt, sentence = chart.contention_chart(made.made(), None)
    assert [ax.get_title(loc="left") for ax in figure.axes] == list(chart.PANELS.values())
    names = [tick.get_text() for tick in figure.axes[1].get_yticklabels()]
    assert names == [
        "1 thread, its own list",
        "1 thread, another's list",
        "2 threads, a list each",
        "2 threads, one list",
    ]
    assert [bar.get_width() for bar in figure.axes[0].patches][:4] == pytest.approx([1, 0.75, 2, 0.5])
    assert "look at an item of a list, 2 threads, one list: 0.50× (0.25× to 0.75×)" in alt
    assert sentence.startswith(PYTHON + " without the GIL: work done, where one thread with its own list is 1. Append")
    assert "2 threads, a list each 2.00× (in every round), 2 threads, one list 0.50× (0.25× to 0.75×)." in sentence


def panels(*results):
    """{title: {name of a line: (median, low, high)}} of the panels of a comparison, and the axes."""
    figure, alt, sentence = compare.compare_chart(results)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    found = {}
    for ax in figure.axes:
        points = [line for line in ax.lines if line.get_marker() != "None"]
        ranges = [line.get_xdata() for line in ax.lines if line.get_marker() == "None"]
        lines = {names[point.get_ydata()[0]]: point.get_xdata()[0] for point in points}
        found[ax.get_title()] = dict(
            zip(lines, zip(lines.values(), *zip(*ranges, strict=True), strict=True), strict=True)
        )
    return found, figure.axes, alt, sentence


def test_comparison():
    """Each Python has a panel; all have one axis and one line for a kind, also where a Python lacks it."""
    with_gil, free = (
        made_speedup(TWO),
        made_speedup({("threads", 2): 1.8, ("processes", 2): 1.9, ("spawn", 2): [1.6, 2]}),
    )
    free.machine["gil"] = False
    found, axes, alt, sentence = panels(with_gil, free)
    assert list(found) == [PYTHON, PYTHON + "\nwithout the GIL"]
    first, second = found.values()
    assert list(first) == ["2 threads", "2 processes"] and list(second) == [*first, "2 spawned processes"]
    assert first["2 threads"][0] == pytest.approx(1) and second["2 spawned processes"][1:] == pytest.approx([1.6, 2])
    assert axes[0].get_xlim() == axes[1].get_xlim() and axes[0].get_xlim()[0] == 0 and axes[0].get_xscale() == "linear"
    told = PYTHON + ": 2 threads 1.00×, 2 processes 1.90×"
    assert told in alt and told in sentence and f"{PYTHON} without the GIL: 2 threads 1.80×" in sentence
    starts = startup.made_startup(rounds=5)
    assert panels(starts, starts)[1][0].get_xscale() == "log"


def test_what_cannot_be_compared():
    """One result, five, other things, or results of different tasks are refused with what is wanted."""
    one, other = made_speedup(TWO), made_speedup(TWO, task="sha256")
    for odd in ((one,), (one, other), (one, made.made()), (one, None), (), (one,) * 5):
        with pytest.raises(
            LabError, match=r"^lab\.compare takes two to 4 results of one experiment and task, one of: cont"
        ):
            compare.compare(*odd)
