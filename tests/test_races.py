"""Races: what is lost by construction, what a lock keeps, two locks in two orders, and the chart."""

import dis
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import helpers
import pytest
from made.races import GUARDED, OPEN, OWNED, WHOLE, made, row
from made.results import MACHINE

from conc_lab.experiments.races.measure import worker as _races_worker
from conc_lab.engine import pools as executors, parameters, run as runner
from conc_lab.experiments.races.measure import chart as drawn
from conc_lab.engine.errors import LabError
from conc_lab.experiments.races.measure import measure as module
from conc_lab.experiments.races.measure import METHODS, ORDERS, totals

FEW = {"turns": 20, "increments": 500, "patience_ms": 500, "rounds": 1}
IN_PROCESS = "fork" if "fork" in executors.start_methods() else "spawn"
FORK = pytest.mark.skipif(IN_PROCESS != "fork", reason="only a forked worker is broken by this")


def here(**params):
    """The rows of a small run in this process, where a forkserver would stay."""
    checked = parameters.checked(module.races, FEW | {"start_method": IN_PROCESS} | params)
    return [item for item in module.races(**checked) if isinstance(item, dict)]


def by_construction(rows):
    """Assert what is lost whatever the scheduler does: half of the updates by handshake, none where none can be."""
    for item in rows:
        pair, lost = (item["way"], item["lock"]), item["lost"]
        if item["method"] == "deadlock":
            assert lost == (2 if item["lock"] == "opposite order" else 0), item
        elif pair not in OPEN:
            assert lost == 0, item
        elif item["method"] == "handshake":
            assert lost * 2 == item["expected"], item
        else:
            assert 0 <= lost < item["expected"], item


def test_rows_of_a_run():
    """With every start method a run has every method, way and lock once, and loses what it must."""
    wanted = {(how, *pair) for how in METHODS[:-1] for pair in OPEN + GUARDED + OWNED}
    wanted |= {("deadlock", "threads", order) for order in ORDERS}
    for method in executors.start_methods():
        rows = runner.run("races", FEW | {"start_method": method}, timeout_s=helpers.LIVENESS_S).rows
        variants = [(item["method"], item["way"], item["lock"]) for item in rows]
        assert set(variants) == wanted and len(variants) == len(wanted), method
        for item in rows:
            assert item["expected"] == {"deadlock": 2, "plain": 1000}.get(item["method"], 40), item
            assert item["what"] == ("threads" if item["method"] == "deadlock" else "updates")
            assert item["lost"] == item["expected"] - item["counted"]
            assert item["seen_by_parent"] == (0 if item["way"] == "processes" else item["counted"])
        by_construction(rows)


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
    rows = here(methods=["handshake"], ways=["threads", "shared"], turns=2000)
    assert sorted((item["way"], item["lock"]) for item in rows) == sorted(OPEN + GUARDED)
    by_construction(rows)


def test_a_plain_update_is_not_a_call():
    """The plain update compiles to a read, an addition and a write with no call between them."""
    names = [item.opname for item in dis.get_instructions(_races_worker._plain)]
    add = names.index("BINARY_OP")
    read = add - names[add::-1].index("LOAD_ATTR")
    update = names[read : names.index("STORE_ATTR", add)]
    assert len(update) < 7 and not any("CALL" in name or "JUMP" in name for name in update)


def test_the_interval_is_restored():
    """The switch interval is short while the experiment runs, and as before when it is over, or given up."""
    sys.setswitchinterval(0.005)  # Python's own, whatever an earlier test has left
    run = module.races(**parameters.checked(module.races, FEW | {"methods": ["plain"], "ways": ["threads"]}))
    next(run)
    assert sys.getswitchinterval() == pytest.approx(module.SWITCH_INTERVAL_S)
    run.close()
    assert sys.getswitchinterval() == pytest.approx(0.005)


def barriers(number):
    return threading.Barrier(number), threading.Barrier(number)


def test_locks_free_and_taken():
    """A thread gets two free locks; one that waits in vain for a lock gives up, and keeps none."""
    locks = threading.Lock(), threading.Lock()
    assert _races_worker.take_both(*locks, *barriers(1), 0.01) is True
    assert not locks[0].locked() and not locks[1].locked()
    for taken in (0, 1):
        with locks[taken]:
            assert _races_worker.take_both(*locks, *barriers(1), 0.01) is False
            assert locks[taken].locked() and not locks[1 - taken].locked()


def test_nobody_is_let_through_by_a_retreat():
    """In opposite orders both threads give up, also when one of them is ten times as patient."""
    a, b, (tried, gave_up) = threading.Lock(), threading.Lock(), barriers(2)
    with ThreadPoolExecutor(2) as pool:
        hasty = pool.submit(_races_worker.take_both, a, b, tried, gave_up, 0.05)
        patient = pool.submit(_races_worker.take_both, b, a, tried, gave_up, 0.5)
    assert hasty.result() is False and patient.result() is False
    assert not a.locked() and not b.locked()


def fails(turns):
    raise ValueError("broken on purpose")


def test_a_worker_that_fails(monkeypatch):
    """When one worker fails, the other stops waiting, and the run ends in a sentence that names the cause."""
    monkeypatch.setattr(_races_worker, "LIVENESS_S", 2)
    monkeypatch.setattr(_races_worker, "_interrupting", fails)
    with pytest.raises(LabError, match=r"^a worker raised ValueError: broken on purpose$") as caught:
        here(methods=["handshake"], ways=["processes" if IN_PROCESS == "fork" else "threads"])
    assert "Traceback" in caught.value.detail


def test_a_worker_that_does_not_answer(monkeypatch):
    """A worker whose partner never answers gives up after a time, and says so."""
    monkeypatch.setattr(_races_worker, "LIVENESS_S", 1)
    monkeypatch.setattr(_races_worker, "_interrupting", lambda turns: None)
    with pytest.raises(LabError, match=r"TimeoutError: the other worker did not answer within 1 s"):
        here(methods=["handshake"], ways=["threads"])


@FORK
def test_a_worker_that_dies(monkeypatch):
    """A worker process that dies ends the run with one sentence."""
    monkeypatch.setattr(_races_worker, "_interrupting", lambda turns: os._exit(3))
    with pytest.raises(LabError, match="could not start two workers, or lost one"):
        here(methods=["handshake"], ways=["shared"])


def test_workers_that_cannot_start():
    """Where no worker can be started, that is one sentence, and one that has been does not wait for the other."""

    class Pool:
        def submit(self, *call):
            raise OSError(11, "Resource temporarily unavailable")

    barrier = threading.Barrier(2)
    with pytest.raises(LabError, match=r"could not start two workers.*Resource temporarily unavailable"):
        module._together(Pool(), [(print, ())] * 2, barrier)
    assert barrier.broken


def test_no_memory_for_processes():
    """Worker processes that do not fit into the memory are refused; threads are not."""
    machine = MACHINE | {"memory_free_bytes": 1 << 20}
    for ways in (["processes"], ["threads", "shared"]):
        with pytest.raises(LabError, match=r"2 .* processes need about .* at most 0 would fit"):
            module.check(parameters.checked(module.races, {"ways": ways}), machine)
    module.check(parameters.checked(module.races, {"ways": ["threads", "queue"]}), machine)


def test_totals():
    """The sums over all rounds of each method, way and lock, in the order of methods and ways."""
    found = totals(
        [
            row("plain", "shared", lost=5),
            row("handshake", "queue"),
            row("handshake", "threads", lost=500),
            row("handshake", "threads", lost=0, number=1),
            row("handshake", "threads", "lock"),
        ]
    )
    assert [(item["method"], item["way"], item["lock"]) for item in found] == [
        ("handshake", "threads", "none"),
        ("handshake", "threads", "lock"),
        ("handshake", "queue", "none"),
        ("plain", "shared", "none"),
    ]
    assert found[0] == {
        "method": "handshake", "way": "threads", "lock": "none", "what": "updates", "rounds": 2,
        "expected": 2000, "counted": 1500, "lost": 500, "lossy_rounds": 1,
    }  # fmt: skip


def test_chart():
    """A panel for each method, a bar for each way and lock, hatched where nothing guards it, beside its figure."""
    axes = drawn.CHARTS["races"](WHOLE, None, None)[0].axes
    names = [[tick.get_text() for tick in ax.get_yticklabels()] for ax in axes]
    handshake, _, plain, deadlock = axes
    assert [ax.get_title(loc="left").partition(":")[0] for ax in axes] == list(METHODS)
    assert names[0] == [
        "threads, no lock",
        "threads, lock",
        "processes, own memory",
        "processes, shared memory, no lock",
        "processes, shared memory, lock",
        "threads with a queue",
    ]
    assert [bar.get_width() for bar in handshake.patches] == pytest.approx([50, 100, 100, 50, 100, 100])
    assert [text.get_text() for text in handshake.texts][:2] == ["500 of 1,000 lost", "none of 1,000 lost"]
    assert plain.texts[0].get_text() == "none of 2,000 lost"
    assert names[3] == ["opposite order", "same order"]
    assert [bar.get_width() for bar in deadlock.patches] == pytest.approx([0, 100])
    assert [text.get_text() for text in deadlock.texts] == ["2 of 2 threads gave up", "none of 2 threads gave up"]
    assert deadlock.get_xlabel() == "counted (dashed: expected)"
    for ax, lines in zip(axes, names, strict=True):
        unsafe = [name.endswith(("no lock", "opposite order")) for name in lines]
        assert [bool(bar.get_hatch()) for bar in ax.patches] == unsafe and len(ax.texts) == len(ax.patches)


def sentence(*rows, **machine):
    return drawn.CHARTS["races"](made(*rows, **machine), None, None)[2]


def test_sentence_about_plain():
    """What plain += did between threads is put down to this Python: its GIL, or having none."""
    reasons = {
        (0, True): "no promise",
        (7, True): "the GIL does not make += between threads safe",
        (7, False): "This Python has no GIL: nothing keeps",
        (0, False): "was luck",
    }
    for (lost, gil), reason in reasons.items():
        words = sentence(row("plain", lost=lost), row("plain", lock="lock"), gil=gil)
        assert [other for other in reasons.values() if other in words] == [reason]


def test_sentences_that_no_recording_has():
    """Long turns on one CPU, a lock that does not help, an owner that loses and no deadlock would be told as well."""
    for usable, quota, lost, told in [(1, None, 0, True), (1, None, 9, False), (2, None, 0, False), (1, 1.0, 0, False)]:
        rows = row("plain", "shared", lost=lost), row("plain", "shared", "lock")
        assert ("One usable CPU" in sentence(*rows, usable=usable, quota=quota)) == told, (usable, quota, lost)
    assert "with a lock 3." in sentence(row(lost=9), row(lock="lock", lost=3))
    assert ": 4 where one worker alone" in sentence(row(way="queue", lost=4))
    assert "same order: 1 of 2 threads" in sentence(row("deadlock", lock="same order", lost=1, expected=2))
    assert "opposite orders: all 2 threads got both" in sentence(row("deadlock", lock="opposite order", expected=2))
