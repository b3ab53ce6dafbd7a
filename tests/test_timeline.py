"""The timeline: what is certain of two workers' running at the same time, and how it is drawn and told."""

import contextlib
import dataclasses
import itertools
import os
import random
import sys
import types

import helpers
import pytest
from made.timeline import SIDE_BY_SIDE, TURNS, block, made
from made.verdicts import recorded

from conc_lab.engine import parameters, pools, run
from conc_lab.engine.result import load
from conc_lab.experiments.timeline import measure
from conc_lab.experiments.timeline.chart import C5_verdict, rounds, summary, timeline_chart


def shares(result):
    """The summary as {(task, kind): share}."""
    return {(task, kind): share for task, kind, share in summary(result).itertuples(index=False)}


def both_ran(rows):
    """The share of one round of one variant in which both ran."""
    (share,) = rounds(made(rows))
    return share


def words_of_chart(result):
    """Alt text and sentence of the chart."""
    return timeline_chart(result, None)[1:]


def test_both_ran():
    """What is certain of two blocks is the time in which they overlap, less what both lacked of their length."""
    far = [block(worker, start, start + 5) for worker, start in ((0, 0), (0, 5), (1, 20), (1, 25))]
    for name, rows, share in (
        ("turns", TURNS, 0),
        ("side by side", SIDE_BY_SIDE, 1),
        ("half the time", [block(0, 0, 10), block(1, 0, 5), block(1, 5, 10, 0)], 0.5),
        ("half of each block, maybe in turns", [block(0, 0, 10, 0.5), block(1, 0, 10, 0.5)], 0),
        ("three quarters", [block(0, 0, 10, 0.75), block(1, 0, 10, 0.75)], 0.5),
        ("one was full", [block(0, 0, 10), block(1, 0, 10, 0.3)], 0.3),
        ("lacked in either overlap", [block(0, 0, 10, 0.8), block(1, 0, 5), block(1, 5, 10)], 0.6),
        ("a coarse clock", [block(0, 0, 10, 1.5), block(1, 0, 10, 0.5)], 0.5),
        ("sleepers", [block(0, 0, 10, 0), block(1, 0, 10, 0)], 0),
        ("late start", [block(0, 0, 10), block(1, 4, 30)], 1),
        ("one early", [block(0, 0, 6), block(1, 0, 3), block(1, 3, 6, 0), block(1, 6, 30)], 0.5),
        ("apart", [block(0, 0, 10), block(1, 12, 20)], 0),
        ("far apart", far, 0),
    ):
        assert both_ran(rows) == pytest.approx(share), name


def test_both_ran_in_many_blocks():
    """The share that is found in one pass is what comparing every block with every other one gives."""
    random_ = random.Random(7)
    lanes = [[], []]
    for worker, lane in enumerate(lanes):
        ends = sorted(random_.sample(range(1, 4000), 400))
        lane += [block(worker, a, b, min(1, random_.uniform(0.3, 2))) for a, b in itertools.pairwise([0, *ends])]
    both = 0
    for pair in itertools.product(*lanes):
        overlap = min(row["end_ms"] for row in pair) - max(row["start_ms"] for row in pair)
        lengths = [row["end_ms"] - row["start_ms"] for row in pair]
        certain = [max(0, row["cpu_ms"] - (long - overlap)) for row, long in zip(pair, lengths, strict=True)]
        both += max(0, sum(min(overlap, ran) for ran in certain) - overlap) if overlap > 0 else 0
    end = min(lane[-1]["end_ms"] for lane in lanes)
    assert both_ran(lanes[0] + lanes[1]) == pytest.approx(both / end) and both > 0.1 * end


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
        assert all(row["cpu_ms"] <= row["end_ms"] - row["start_ms"] for row in lane) or os.name == "nt"
        known = os.sched_getaffinity(0) if sys.platform == "linux" else {None}
        assert {row["cpu"] for row in lane} <= known


def test_sleepers_never_run():
    """Two sleepers are under way at the same time and run at the same time for no time at all."""
    given = {"tasks": ["sleep"], "kinds": ["threads"], "window_ms": 20, "rounds": 2}
    result = run.run("timeline", given, timeout_s=helpers.LIVENESS_S)
    assert {row["round"] for row in result.rows} == {0, 1}
    assert shares(result) == {("sleep", "threads"): 0}


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this platform has no affinity")
def test_pinned_to_one_cpu():
    """On one CPU it is certain of no moment that two workers ran at the same time, whatever they are and do."""
    given = {"tasks": ["count_primes", "sha256", "sleep"], "kinds": ["threads", "processes"], "window_ms": 40}
    with pools.pinned(min(os.sched_getaffinity(0))):
        result = run.run("timeline", given | {"rounds": 1}, timeout_s=helpers.LIVENESS_S)
    assert shares(result) == dict.fromkeys(itertools.product(given["tasks"], given["kinds"]), 0)


def test_rows_of_a_result_before(tmp_path):
    """A result whose rows said "running", and not on which CPU, is loaded, drawn and decides as one of today."""
    for new, told in ((recorded(0.0, 0.9), C5_verdict), (made(TURNS), words_of_chart)):
        old = [row | {"running": True} for row in new.rows]
        for row in old:
            del row["cpu"]
        loaded = load(dataclasses.replace(new, rows=old).save(tmp_path / "old.json"))
        assert loaded.rows == [row | {"cpu": None} for row in new.rows]
        assert told(loaded) == told(new)


def test_times_count_from_the_first_block(monkeypatch):
    """Each worker's blocks become rows, in milliseconds from the first block of the two."""
    lanes = [[(2000, 3000, 10, 1)], [(1000, 2000, 500, None), (2000, 4000, 510, 0)]]
    pool = types.SimpleNamespace(usages=lambda *args: None, together=lambda *args: lanes)
    monkeypatch.setattr(measure.pools, "opened", lambda *args: contextlib.nullcontext(pool))
    params = parameters.checked(measure.timeline, {"tasks": ["sleep"], "kinds": ["threads"], "rounds": 1})
    rows = [tuple(item.values())[3:] for item in measure.timeline(**params)]
    assert rows == [(0, 0.001, 0.002, 1e-5, 1), (1, 0, 0.001, 0.0005, None), (1, 0.001, 0.003, 0.00051, 0)]


def test_chart():
    """A panel for each task and kind, threads beside processes; a block is as thick as the share that it got."""
    names = ["sha256", "count_primes"]  # in the order of the parameter
    blocks = [block(0, 0, 10), block(1, 0, 10, 0.9964), block(0, 10, 20, 0.5), block(1, 10, 20, 0)]
    rows = [row | {"task": name, "kind": kind} for kind in ("processes", "threads") for name in names for row in blocks]
    panels = timeline_chart(made(rows), None)[0].axes
    titles = [ax.get_title() for ax in panels]  # rounded down
    assert titles == [f"{name}\nboth running at least 49% of the time" for name in names for _ in range(2)]
    labels = [[label.get_text() for label in ax.get_yticklabels()] for ax in panels]
    assert labels == [["thread 1", "thread 2"], ["process 1", "process 2"]] * 2
    extents = [block.get_bbox() for block in panels[0].patches]
    assert [(one.x0, one.x1, (one.y0 + one.y1) / 2) for one in extents] == [
        (0, 10, 0),
        (0, 10, 1),
        (10, 20, 0),
        (10, 20, 1),
    ]
    full, almost, half, none = (one.height for one in extents)
    assert (almost / full, half / full) == pytest.approx((0.9964, 0.5)) and 0 < none < 0.1 * full
