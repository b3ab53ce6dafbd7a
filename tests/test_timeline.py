"""The timeline: what counts as running, what counts as at once, and how it is drawn and told."""

import contextlib
import itertools
import random
import types

import helpers
import pytest
from made.timeline import SIDE_BY_SIDE, TURNS, block, made

from conc_lab.engine import parameters, run as runner
from conc_lab.experiments.timeline.measure import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.timeline.measure import measure as timeline
from conc_lab.experiments.timeline.measure import at_once, shares

COLUMNS = {"round", "task", "kind", "worker", "start_ms", "end_ms", "cpu_ms", "running"}


def test_at_once():
    """The share counts the time in which both run, out of the time in which both record."""
    for name, rows, share in (
        ("turns", TURNS, 0),
        ("side by side", SIDE_BY_SIDE, 1),
        ("half", [block(0, 0, 10), block(1, 0, 5), block(1, 5, 10, False)], 0.5),
        ("sleepers", [block(0, 0, 10, False), block(1, 0, 10, False)], 0),
        ("late start", [block(0, 0, 10), block(1, 4, 30)], 1),
        ("apart", [block(0, 0, 10), block(1, 12, 20)], 0),
    ):
        assert at_once(rows) == pytest.approx(share), name


def test_at_once_of_many_blocks():
    """The share that is found in one pass is what comparing every block with every other one gives."""
    random_ = random.Random(7)
    rows = []
    for worker in (0, 1):
        ends = sorted(random_.sample(range(1, 4000), 400))
        rows += [block(worker, a, b, random_.random() < 0.6) for a, b in itertools.pairwise([0, *ends])]
    running = [[row for row in rows if row["worker"] == worker and row["running"]] for worker in (0, 1)]
    end = min(max(row["end_ms"] for row in rows if row["worker"] == worker) for worker in (0, 1))
    both = sum(
        max(0, min(a["end_ms"], b["end_ms"]) - max(a["start_ms"], b["start_ms"]))
        for a, b in itertools.product(*running)
    )
    assert at_once(rows) == pytest.approx(both / end) and both > 0


def test_shares_are_medians_over_the_rounds():
    """A variant's share is the median of its rounds; variants are kept apart."""
    rows = [row | {"round": number} for number in (0, 1) for row in SIDE_BY_SIDE]
    rows += [row | {"round": 2} for row in TURNS] + [row | {"kind": "processes"} for row in TURNS]
    assert shares(rows) == {("sleep", "threads"): 1, ("sleep", "processes"): 0}


def test_rows_of_a_run():
    """Both workers of every kind have blocks that follow each other, and one that computes uses CPU time."""
    rows = helpers.real("timeline").rows
    assert {frozenset(row) for row in rows} == {frozenset(COLUMNS)}
    lanes = {}
    for row in rows:
        lanes.setdefault((row["round"], row["task"], row["kind"], row["worker"]), []).append(row)
    assert set(lanes) == set(itertools.product([0], ["count_primes"], ["threads", "processes"], [0, 1]))
    for lane in lanes.values():
        assert all(before["end_ms"] == after["start_ms"] for before, after in itertools.pairwise(lane))
        assert all(row["end_ms"] > row["start_ms"] >= 0 for row in lane)
        assert sum(row["cpu_ms"] for row in lane) > 0


def test_sleepers_never_run():
    """Two sleepers are under way at once and run at once for no time at all."""
    given = {"work": ["sleep"], "kinds": ["threads"], "window_ms": 20, "rounds": 2}
    rows = runner.run("timeline", given, timeout_s=helpers.LIVENESS_S).rows
    assert {row["round"] for row in rows} == {0, 1} and not any(row["running"] for row in rows)
    assert shares(rows) == {("sleep", "threads"): 0}


def test_running(monkeypatch):
    """A block is running from CPU time for half of its wall time on; times count from the first block."""
    blocks = [(0, 1000, 490), (1000, 2000, 500), (2000, 3000, 510)]
    crew = types.SimpleNamespace(meet=lambda *args: None, together=lambda *args: [(blocks, None), (blocks, None)])
    monkeypatch.setattr(timeline.executors, "open_crew", lambda *args: contextlib.nullcontext(crew))
    params = parameters.checked(timeline.timeline, {"work": ["sleep"], "kinds": ["threads"], "rounds": 1})
    rows = [item for item in timeline.timeline(**params) if isinstance(item, dict)]
    assert [row["running"] for row in rows] == [False, True, True] * 2
    assert rows[2] | {"running": None} == rows[5] | {"running": None, "worker": 0}
    assert (rows[2]["start_ms"], rows[2]["end_ms"], rows[2]["cpu_ms"]) == (0.002, 0.003, 0.00051)


def test_what_does_not_fit():
    """Worker processes that the free memory cannot hold are refused; threads need none."""
    params = parameters.checked(timeline.timeline, {"work": ["matmul"]})
    with pytest.raises(LabError, match=r"^2 .* processes need about"):
        timeline.check(params, {"memory_free_bytes": 1 << 20})
    timeline.check(params | {"kinds": ["threads"]}, {"memory_free_bytes": 1 << 20})


def test_chart():
    """A panel for each task and kind, threads above processes; bars where a worker ran, a line where it waited."""
    names = ["count_primes", "sha256", "sleep", "matmul"]  # three panels side by side, and two blank ones

    def panels(count):
        kinds = ("threads", "processes")
        rows = [row | {"task": name, "kind": kind} for name in names[:count] for kind in kinds for row in TURNS]
        axes = drawn.CHARTS["timeline"](made(rows), None, None)[0].axes
        return [ax for ax in axes if ax.get_title()]

    for count in (1, 3, 4):
        titles = sorted(ax.get_title() for ax in panels(count))
        assert titles == sorted(f"{name}\nboth at once: 0%" for name in names[:count] for _ in range(2)), count
    labels = [[label.get_text() for label in ax.get_yticklabels()] for ax in panels(1)]
    assert labels == [["thread 1", "thread 2"], ["process 1", "process 2"]]
    running, waiting, *_ = panels(1)[0].collections
    assert running.get_label() == "running" and waiting.get_label() == "waiting"
    heights = [abs(bars.get_paths()[0].get_extents().height) for bars in (running, waiting)]
    assert heights[0] > 4 * heights[1]  # told apart by more than colour


def test_what_held_two_workers_up():
    """The sentence says where one CPU, a limit on CPU time or a busy host kept two workers from running at once."""

    def said(usable=2, quota=None, task="sha256", kind="processes"):
        rows = [row | {"task": task, "kind": kind} for row in TURNS]
        return drawn.CHARTS["timeline"](made(rows, usable, quota), None, None)[2]

    one, limit, busy = "only one of two runs", "leaves this notebook 1 CPU's worth of time", "measure again when it is"
    for case, words in (
        ({"usable": 1}, [one]),
        ({"usable": 1, "quota": 1.0}, [limit]),
        ({}, [busy]),
        ({"kind": "threads"}, []),
        ({"task": "sleep"}, []),
    ):
        assert [each for each in (one, limit, busy) if each in said(**case)] == words, case
