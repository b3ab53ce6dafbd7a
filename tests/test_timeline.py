"""The timeline: what counts as running, what counts as running at the same time, and how it is drawn and told."""

import contextlib
import itertools
import random
import types

import helpers
import pytest
from made.timeline import SIDE_BY_SIDE, TURNS, block, made

from conc_lab.engine import parameters, run
from conc_lab.experiments.timeline import measure
from conc_lab.experiments.timeline.chart import rounds, summary, timeline_chart


def shares(result):
    """The summary as {(task, kind): share}."""
    return {(task, kind): share for task, kind, share in summary(result).itertuples(index=False)}


def both_ran(rows):
    """The share of one round of one variant in which both ran."""
    (share,) = rounds(made(rows))
    return share


def test_both_ran():
    """The share counts the time in which both run, out of the time in which both record."""
    far = [block(worker, start, start + 5) for worker, start in ((0, 0), (0, 5), (1, 20), (1, 25))]
    for name, rows, share in (
        ("turns", TURNS, 0),
        ("side by side", SIDE_BY_SIDE, 1),
        ("half", [block(0, 0, 10), block(1, 0, 5), block(1, 5, 10, False)], 0.5),
        ("sleepers", [block(0, 0, 10, False), block(1, 0, 10, False)], 0),
        ("late start", [block(0, 0, 10), block(1, 4, 30)], 1),
        ("one early", [block(0, 0, 6), block(1, 0, 3), block(1, 3, 6, False), block(1, 6, 30)], 0.5),
        ("apart", [block(0, 0, 10), block(1, 12, 20)], 0),
        ("far apart", far, 0),
    ):
        assert both_ran(rows) == pytest.approx(share), name


def test_both_ran_in_many_blocks():
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
    assert both_ran(rows) == pytest.approx(both / end) and both > 0


def test_shares_are_medians_over_the_rounds():
    """A variant's share is the median of its rounds; variants are kept apart."""
    rows = [row | {"round": number} for number in (0, 1) for row in SIDE_BY_SIDE]
    rows += [row | {"round": 2} for row in TURNS] + [row | {"kind": "processes"} for row in TURNS]
    assert shares(made(rows)) == {("sleep", "threads"): 1, ("sleep", "processes"): 0}


def test_rows_of_a_run():
    """Both workers of every kind have blocks that follow each other, and one that computes uses CPU time."""
    result = helpers.real("timeline")
    lanes = {}
    for row in result.rows:
        lanes.setdefault((row["round"], row["task"], row["kind"], row["worker"]), []).append(row)
    assert set(lanes) == set(itertools.product([0], ["count_primes"], ["threads", result.processes], [0, 1]))
    for lane in lanes.values():
        assert all(before["end_ms"] == after["start_ms"] for before, after in itertools.pairwise(lane))
        assert all(row["end_ms"] > row["start_ms"] >= 0 for row in lane)
        assert sum(row["cpu_ms"] for row in lane) > 0


def test_sleepers_never_run():
    """Two sleepers are under way at the same time and run at the same time for no time at all."""
    given = {"tasks": ["sleep"], "kinds": ["threads"], "window_ms": 20, "rounds": 2}
    result = run.run("timeline", given, timeout_s=helpers.LIVENESS_S)
    assert {row["round"] for row in result.rows} == {0, 1} and not any(row["running"] for row in result.rows)
    assert shares(result) == {("sleep", "threads"): 0}


def test_running(monkeypatch):
    """A block is running from CPU time for half of its wall time on; times count from the first block."""
    blocks = [(0, 1000, 490), (1000, 2000, 500), (2000, 3000, 510)]
    pool = types.SimpleNamespace(usages=lambda *args: None, together=lambda *args: [blocks, blocks])
    monkeypatch.setattr(measure.pools, "opened", lambda *args: contextlib.nullcontext(pool))
    params = parameters.checked(measure.timeline, {"tasks": ["sleep"], "kinds": ["threads"], "rounds": 1})
    rows = [item for item in measure.timeline(**params) if isinstance(item, dict)]
    assert [row["running"] for row in rows] == [False, True, True] * 2
    assert rows[2] | {"running": None} == rows[5] | {"running": None, "worker": 0}
    assert (rows[2]["start_ms"], rows[2]["end_ms"], rows[2]["cpu_ms"]) == (0.002, 0.003, 0.00051)


def test_chart():
    """A panel for each task and kind, threads beside processes; bars where a worker ran, a line where it waited."""
    names = ["sha256", "count_primes"]  # in the order of the parameter
    rows = [row | {"task": name, "kind": kind} for kind in ("processes", "threads") for name in names for row in TURNS]
    panels = timeline_chart(made(rows), None)[0].axes
    assert [ax.get_title() for ax in panels] == [f"{name}\nboth running: 0%" for name in names for _ in range(2)]
    labels = [[label.get_text() for label in ax.get_yticklabels()] for ax in panels]
    assert labels == [["thread 1", "thread 2"], ["process 1", "process 2"]] * 2
    heights = [bar.get_height() for bar in panels[0].patches]  # told apart by more than colour
    assert [height > 0.5 for height in heights] == [True, False, False, True] and min(heights) < 0.1


def test_one_usable_cpu():
    """The sentence says where one usable CPU kept two workers from running at the same time."""
    for usable in (1, 2):
        told = timeline_chart(made(TURNS, usable), None)[2]
        assert ("One usable CPU: two take turns or, under a CPU limit" in told) == (usable == 1)
