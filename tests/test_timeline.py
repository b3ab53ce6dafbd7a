"""The timeline: what counts as running, what counts as at once, and how it is drawn."""

import contextlib
import itertools
import random
import types

import helpers
import pytest
from made.timeline import SIDE_BY_SIDE, TURNS, block, made

from conc_lab.drawing import picture as charts
from conc_lab.engine import experiment as experiments, parameters, run as runner, tasks
from conc_lab.experiments.timeline import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.timeline import measure as timeline
from conc_lab.experiments.timeline.measure import at_once, shares

COLUMNS = {"round", "task", "kind", "worker", "start_ms", "end_ms", "cpu_ms", "running"}


@pytest.mark.parametrize(
    "rows, share",
    [
        (TURNS, 0),
        (SIDE_BY_SIDE, 1),
        ([block(0, 0, 10), block(1, 0, 5), block(1, 5, 10, False)], 0.5),
        ([block(0, 0, 10, False), block(1, 0, 10, False)], 0),
        ([block(0, 0, 10), block(1, 4, 30)], 1),  # only the time in which both record counts
        ([block(0, 0, 10), block(1, 12, 20)], 0),
    ],
    ids=["turns", "side by side", "half", "sleepers", "late start", "apart"],
)
def test_at_once(rows, share):
    """The share counts the time in which both run, out of the time in which both record."""
    assert at_once(rows) == pytest.approx(share)


def test_shares_are_medians_over_the_rounds():
    """A variant's share is the median of its rounds; variants are kept apart."""
    rows = [row | {"round": number} for number in (0, 1) for row in SIDE_BY_SIDE]
    rows += [row | {"round": 2} for row in TURNS] + [row | {"kind": "processes"} for row in TURNS]
    assert shares(rows) == {("sleep", "threads"): 1, ("sleep", "processes"): 0}


@pytest.fixture(scope="module")
def measured():
    given = {"work": ["count_primes", "sleep"], "window_ms": 60, "rounds": 2}
    return runner.run("timeline", given, timeout_s=helpers.LIVENESS_S)


def test_rows(measured):
    """Every variant has both workers in every round; blocks follow each other; a sleeper never runs."""
    assert {frozenset(row) for row in measured.rows} == {frozenset(COLUMNS)}
    lanes = {}
    for row in measured.rows:
        lanes.setdefault((row["round"], row["task"], row["kind"], row["worker"]), []).append(row)
    expected = {
        (n, t, k, w)
        for n in (0, 1)
        for t in ("count_primes", "sleep")
        for k in ("threads", "processes")
        for w in (0, 1)
    }
    assert set(lanes) == expected
    for lane in lanes.values():
        assert all(before["end_ms"] == after["start_ms"] for before, after in itertools.pairwise(lane))
        assert all(row["end_ms"] > row["start_ms"] >= 0 for row in lane)
    assert any(row["running"] for row in measured.rows if row["task"] == "count_primes")
    assert not any(row["running"] for row in measured.rows if row["task"] == "sleep")


def test_running(monkeypatch):
    """A block is running from CPU time for half of its wall time on; times count from the first block."""
    blocks = [(0, 1000, 490), (1000, 2000, 500), (2000, 3000, 510)]
    crew = types.SimpleNamespace(meet=lambda *args: None, together=lambda *args: [(blocks, None), (blocks, None)])
    monkeypatch.setattr(timeline.executors, "open_crew", lambda *args: contextlib.nullcontext(crew))
    rows = list(timeline._recorded(0, tasks.find("sleep"), "threads", (0.001,), None, 1))
    assert [row["running"] for row in rows] == [False, True, True] * 2
    assert rows[2] | {"running": None} == rows[5] | {"running": None, "worker": 0}
    assert (rows[2]["start_ms"], rows[2]["end_ms"], rows[2]["cpu_ms"]) == (0.002, 0.003, 0.00051)


def test_what_does_not_fit(monkeypatch):
    """Worker processes that the free memory cannot hold are refused; threads need none."""
    params = parameters.checked(timeline.timeline, {"work": ["matmul"]})
    with pytest.raises(LabError, match=r"^2 .* processes need about"):
        timeline.check(params, {"memory_free_bytes": 1 << 20})
    timeline.check(params | {"kinds": ["threads"]}, {"memory_free_bytes": 1 << 20})


def test_at_once_of_many_blocks():
    """The share that is found block by block, in one pass, is what comparing every block with every other one gives."""
    random_ = random.Random(7)
    rows = []
    for worker in (0, 1):
        ends = sorted(random_.sample(range(1, 4000), 400))
        rows += [
            {"worker": worker, "start_ms": a, "end_ms": b, "running": random_.random() < 0.6}
            for a, b in itertools.pairwise([0, *ends])
        ]
    running = [[row for row in rows if row["worker"] == worker and row["running"]] for worker in (0, 1)]
    end = min(max(row["end_ms"] for row in rows if row["worker"] == worker) for worker in (0, 1))
    both = sum(
        max(0, min(a["end_ms"], b["end_ms"]) - max(a["start_ms"], b["start_ms"]))
        for a in running[0]
        for b in running[1]
    )
    assert timeline.at_once(rows) == pytest.approx(both / end) and both > 0


def test_sleepers_are_never_at_once(measured):
    """Two sleepers are under way at once and run at once for no time at all."""
    assert shares(measured.rows)["sleep", "threads"] == shares(measured.rows)["sleep", "processes"] == 0


def test_chart():
    """A panel for each task and kind, threads above processes; bars where a worker ran, a line where it waited."""
    rows = [row | {"kind": kind} for kind in ("threads", "processes") for row in TURNS]
    result = made(rows)
    figure = drawn.CHARTS["timeline"](result, None, None)[0]
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["sleep\nboth at once: 0%"] * 2
    labels = [[label.get_text() for label in ax.get_yticklabels()] for ax in figure.axes]
    assert labels == [["thread 1", "thread 2"], ["process 1", "process 2"]]
    running, waiting, *_ = figure.axes[0].collections
    assert running.get_label() == "running" and waiting.get_label() == "waiting"
    heights = [abs(bars.get_paths()[0].get_extents().height) for bars in (running, waiting)]
    assert heights[0] > 4 * heights[1]  # told apart by more than colour


@pytest.mark.parametrize("tasks", [1, 2, 3, 4, 7])
def test_any_number_of_tasks_has_its_panels(tasks):
    """Each task has one panel for each kind, whatever their number; panels left over are blank."""
    names = list(parameters.described(experiments.function("timeline"))["work"].annotation.of.options())[:tasks]
    rows = [row | {"task": n, "kind": k} for n in names for k in ("threads", "processes") for row in SIDE_BY_SIDE]
    figure = drawn.CHARTS["timeline"](made(rows), None, None)[0]
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert sorted(titles) == sorted(f"{name}\nboth at once: 100%" for name in names for _ in range(2))


def test_words():
    """The alt text and the sentence hold every share; one usable CPU is said."""
    rows = TURNS + [row | {"task": "sha256"} for row in SIDE_BY_SIDE]
    picture = charts.show(made(rows, usable=1))
    assert "sleep, 2 threads: 0%; sha256, 2 threads: 100%." in picture.alt
    assert picture.sentence == (
        "Two threads ran at once for 0% of the time with sleep and 100% of the time with sha256. "
        "One usable CPU: only one of two runs at any moment here."
    )
    assert list(charts.table(made(rows))["both running"]) == ["0%", "100%"]
    limited = charts.show(made(rows, usable=1, quota=1.0)).sentence
    assert "A limit leaves this notebook 1 CPU's worth of time: two may run at once for a part" in limited
    assert "only one of two" not in limited


@pytest.mark.parametrize(("usable", "task", "said"), [(2, "sha256", True), (2, "sleep", False), (1, "sha256", False)])
def test_a_busy_host_is_named(usable, task, said):
    """Where even processes that compute did not run at once on two usable CPUs, the sentence says why."""
    rows = [row | {"task": task, "kind": "processes"} for row in TURNS]
    assert ("measure again when it is quiet" in charts.show(made(rows, usable)).sentence) == said
