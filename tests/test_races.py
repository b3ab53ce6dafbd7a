"""Races: what is lost by construction, what a lock keeps, two locks in two orders, and the chart."""

import dis
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import helpers
import pytest
from made.races import GUARDED, OPEN, OWNED, WHOLE, made, row

from conc_lab.engine import kinds, parameters, run
from conc_lab.engine.errors import LabError
from conc_lab.experiments.races import chart, measure, worker
from conc_lab.experiments.races.measure import METHODS, ORDERS

FEW = {"turns": 20, "increments": 500, "patience_ms": 500, "rounds": 1}
IN_PROCESS = "fork" if "fork" in kinds.start_methods() else "spawn"
FORK = pytest.mark.skipif(IN_PROCESS != "fork", reason="only a forked worker is broken by this")


@pytest.fixture(autouse=True)
def interval():
    """The switch interval after a test is that before it: a run leaves its own."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def here(**params):
    """The rows of a small run in this process, where a forkserver would stay."""
    checked = parameters.checked(measure.races, FEW | {"kinds": ["threads", IN_PROCESS]} | params)
    return list(measure.races(**checked))


def variant(item):
    return ("fork" if item["kind"] in kinds.START_METHODS else item["kind"]), item["count"], item["lock"]


def by_construction(rows):
    """Assert what is lost whatever the scheduler does: half of the updates by handshake, none where none can be."""
    for item in rows:
        lost = item["lost"]
        if item["method"] == "deadlock":
            assert lost == (2 if item["lock"] == "opposite order" else 0), item
        elif variant(item) not in OPEN:
            assert lost == 0, item
        elif item["method"] == "handshake":
            assert lost * 2 == item["expected"], item
        else:
            assert 0 <= lost < item["expected"], item


@pytest.mark.parametrize("method", helpers.METHODS)
def test_rows_of_a_run(method):
    """With every start method a run has every method, kind, count and lock once, and loses what it must."""
    wanted = {(how, *which) for how in METHODS[:-1] for which in OPEN + GUARDED + OWNED}
    wanted |= {("deadlock", "threads", "shared", order) for order in ORDERS}
    rows = run.run("races", FEW | {"kinds": ["threads", method]}, timeout_s=helpers.LIVENESS_S).rows
    variants = [(item["method"], *variant(item)) for item in rows]
    assert set(variants) == wanted and len(variants) == len(wanted)
    for item in rows:
        assert item["expected"] == {"deadlock": 2, "plain": 1000}.get(item["method"], 40), item
        assert item["what"] == ("threads" if item["method"] == "deadlock" else "updates")
        assert item["lost"] == item["expected"] - item["counted"]
        assert item["seen_by_parent"] == (0 if item["count"] == "own" else item["counted"])
    by_construction(rows)


def test_what_does_not_go_together():
    """Kinds and counts of which none go together are refused."""
    for wrong in [{"kinds": ["threads"], "counts": ["own"]}, {"counts": ["queue"], "kinds": [IN_PROCESS]}]:
        with pytest.raises(LabError, match=r"^these values do not go together"):
            here(**wrong)
    assert {item["count"] for item in here(kinds=["threads"], counts=["own", "queue"])} == {"queue"}


def test_one_cpu_is_enough():
    """On a single CPU the handshake loses every second update too, and the deadlock is one."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this platform has no affinity")
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        by_construction(here(methods=["handshake", "deadlock"]))
    finally:
        os.sched_setaffinity(0, allowed)


def test_the_handshake_holds_every_time():
    """Thousands of turns of the handshake lose exactly half without a lock, and none with one."""
    rows = here(methods=["handshake"], counts=["shared"], turns=2000)
    assert sorted(map(variant, rows)) == sorted(OPEN + GUARDED)
    by_construction(rows)


def test_a_plain_update_is_not_a_call():
    """The plain update compiles to a read, an addition and a write with no call between them."""
    names = [item.opname for item in dis.get_instructions(worker.work)]
    add = names.index("BINARY_OP")
    read = add - names[add::-1].index("LOAD_ATTR")
    update = names[read : names.index("STORE_ATTR", add)]
    assert len(update) < 7 and not any("CALL" in name or "JUMP" in name for name in update)


def test_locks_free_and_taken():
    """A thread gets two free locks and releases them; one that waits in vain for a lock gives up."""
    locks = threading.Lock(), threading.Lock()
    assert worker.take_both(*locks, threading.Barrier(1), 0.01) is True
    assert not locks[0].locked() and not locks[1].locked()
    for taken in (0, 1):
        locks = threading.Lock(), threading.Lock()
        with locks[taken]:
            assert worker.take_both(*locks, threading.Barrier(1), 0.01) is False


def test_nobody_is_let_through_by_a_retreat():
    """In opposite orders both threads give up, also when one of them is ten times as patient."""
    a, b, tried = threading.Lock(), threading.Lock(), threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        hasty = pool.submit(worker.take_both, a, b, tried, 0.05)
        patient = pool.submit(worker.take_both, b, a, tried, 0.5)
    assert hasty.result() is False and patient.result() is False


@FORK
def test_a_worker_that_dies(monkeypatch):
    """A worker process that dies ends the run with one sentence."""
    monkeypatch.setattr(worker, "_interrupt", lambda cell, lock: os._exit(3))
    with pytest.raises(LabError, match=r"^a worker \(fork\) ended before it was done \(exit code 3\)$"):
        here(methods=["handshake"], counts=["shared"], kinds=[IN_PROCESS])


def test_summary():
    """The sums over all rounds of each method, way and kind, in the order of methods and ways."""
    rows = made(
        row("plain", "fork", lost=5),
        row("handshake", count="queue"),
        row("handshake", lost=500),
        row("handshake", lost=0, number=1),
        row("handshake", lock="lock"),
    )
    lines = chart.summary(rows)
    assert lines[["method", "name", "figure", "counted"]].to_numpy().tolist() == [
        ["handshake", "threads, no lock", "500 of 2,000 lost", 1500],
        ["handshake", "threads, one lock", "none of 1,000 lost", 1000],
        ["handshake", "threads, a queue", "none of 1,000 lost", 1000],
        ["plain", "processes, no lock", "5 of 1,000 lost", 995],
    ]


def test_chart():
    """A panel for each method, a bar for each way and kind, what was lost hatched and hollow, next to its figure."""
    axes = chart.races_chart(WHOLE, None)[0].axes
    names = [[tick.get_text() for tick in ax.get_yticklabels()] for ax in axes]
    handshake, _, plain, deadlock = axes
    assert [ax.get_title(loc="left") for ax in axes] == list(chart.TITLES.values())
    assert names[0] == [
        "threads, no lock",
        "processes, no lock",
        "threads, one lock",
        "processes, one lock",
        "processes, own counts",
        "threads, a queue",
    ]
    assert names[3] == ["threads, opposite order", "threads, same order"]
    for ax, counted, lost in ((handshake, [500, 500] + [1000] * 4, [500, 500] + [0] * 4), (deadlock, [0, 2], [2, 0])):
        assert [bar.get_width() for bar in ax.patches] == counted + lost
        for full in (bool(bar.get_facecolor()[3]) for bar in ax.patches), (not bar.get_hatch() for bar in ax.patches):
            assert list(full) == [True] * len(counted) + [False] * len(lost)
    assert [text.get_text() for text in handshake.texts][1:3] == ["500 of 1,000 lost", "none of 1,000 lost"]
    assert plain.texts[0].get_text() == "none of 2,000 lost"
    assert [text.get_text() for text in deadlock.texts] == ["2 of 2 gave up", "none of 2 gave up"]
    said = [*chart.BARS.values()]
    assert [ax.get_xlabel() for ax in axes] == ["", "", *said]
    assert chart.races_chart(WHOLE, None)[1].startswith(f"Bars: {'; '.join(said)}. ")
    deadlocks = made(row("deadlock", lock="same order", lost=0))
    assert [ax.get_xlabel() for ax in chart.races_chart(deadlocks, None)[0].axes] == said[1:]


def sentence(*rows):
    return chart.races_chart(made(*rows), None)[2]


def test_sentences_that_no_recording_has():
    """No promise, a lock that does not help, an owner that loses and no deadlock would be told as well."""
    for lost, said in (0, "none"), (7, "7"):
        words = sentence(row("plain", lost=lost), row("plain", lock="lock"))
        assert words.startswith(f"Plain count += 1, threads, no lock: {said} of 1,000 lost. One lock: none lost.")
        assert ("proves nothing" in words) == (lost == 0)
    assert sentence(row(lost=9), row(lock="lock", lost=3)).endswith(" One lock: 3 lost.")
    assert sentence(row(count="queue", lost=4)) == "A queue: 4 lost."
    assert "opposite order: none of 2 gave up" in sentence(row("deadlock", lock="opposite order", expected=2))
    plain = row("plain", "fork")
    for rows, usable, needed in (
        ([plain], 1, True),
        ([plain], 2, False),
        ([row("plain"), row("call", "fork")], 1, False),
    ):
        assert chart.needs_recording(made(*rows, usable=usable)) == needed
