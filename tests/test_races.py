"""The races: what is lost by construction, what a lock keeps, two locks in two orders."""

import itertools
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import helpers
import pytest
from made.results import MACHINE

from conc_lab.experiments.races import worker as _races_worker
from conc_lab.engine import pools as executors, parameters, run as runner
from conc_lab.engine.errors import LabError
from conc_lab.experiments.races import measure as module
from conc_lab.experiments.races.measure import METHODS, ORDERS, WAYS, totals

COLUMNS = {"round", "method", "way", "lock", "what", "expected", "counted", "lost", "seen_by_parent"}
FEW = {"turns": 20, "increments": 500, "patience_ms": 100, "rounds": 1}
IN_PROCESS = "fork" if "fork" in executors.start_methods() else "spawn"


def ran(**params):
    """The rows of a small run in a child."""
    return runner.run("races", FEW | params, timeout_s=helpers.LIVENESS_S).rows


def here(**params):
    """The rows of a small run in this process, where a forkserver would stay."""
    checked = parameters.checked(module.races, FEW | {"start_method": IN_PROCESS} | params)
    return [item for item in module.races(**checked) if isinstance(item, dict)]


@pytest.mark.parametrize("method", helpers.METHODS)
def test_rows_of_a_run(method):
    """A run has every method, way and lock once a round, and every column holds what it says."""
    rows = ran(start_method=method, rounds=2)
    assert all(item.keys() == COLUMNS for item in rows)
    wanted = {(how, *pair) for how in METHODS[:-1] for pair in OPEN + GUARDED + OWNED}
    wanted |= {("deadlock", "threads", order) for order in ORDERS}
    for number in (0, 1):
        mine = [(item["method"], item["way"], item["lock"]) for item in rows if item["round"] == number]
        assert set(mine) == wanted and len(mine) == len(wanted)
    for item in rows:
        assert item["expected"] == {"deadlock": 2, "plain": 1000}.get(item["method"], 40)
        assert item["what"] == ("threads" if item["method"] == "deadlock" else "updates")
        assert item["lost"] == item["expected"] - item["counted"]
        assert item["seen_by_parent"] == (0 if item["way"] == "processes" else item["counted"])
    json.dumps(rows, allow_nan=False)
    by_construction(rows)


def by_construction(rows):
    for item in rows:
        pair, lost = (item["way"], item["lock"]), item["lost"]
        if item["method"] == "deadlock":
            assert lost == (2 if item["lock"] == "opposite order" else 0)
        elif pair not in OPEN:
            assert lost == 0
        elif item["method"] == "handshake":
            assert lost * 2 == item["expected"]
        else:
            assert 0 <= lost < item["expected"]


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
    by_construction(here(methods=["handshake"], ways=["threads", "shared"], turns=2000))


@pytest.mark.parametrize("method, way", list(itertools.product(METHODS, WAYS)))
def test_only_what_is_asked_for(method, way):
    """A run measures the given methods and ways and no others; two locks are always a matter of threads."""
    rows = here(methods=[method], ways=[way])
    assert {item["method"] for item in rows} == {method}
    assert {item["way"] for item in rows} == {"threads" if method == "deadlock" else way}
    assert len(rows) == (2 if method == "deadlock" or way in ("threads", "shared") else 1)


def test_a_plain_update_is_not_a_call():
    """The plain update compiles to a read, an addition and a write with no call between them."""
    import dis

    names = [item.opname for item in dis.get_instructions(_races_worker._plain)]
    add = names.index("BINARY_OP")
    read = add - names[add::-1].index("LOAD_ATTR")
    update = names[read : names.index("STORE_ATTR", add)]
    assert len(update) < 7 and not any("CALL" in name or "JUMP" in name for name in update)


def test_the_interval_is_restored():
    """The switch interval is short while the experiment runs, and as before when it is over, or given up."""
    before = sys.getswitchinterval()
    run = module.races(**parameters.checked(module.races, FEW | {"methods": ["plain"], "ways": ["threads"]}))
    next(run)
    assert sys.getswitchinterval() == pytest.approx(module.SWITCH_INTERVAL_S)
    run.close()
    assert sys.getswitchinterval() == pytest.approx(before)


def test_progress():
    """Progress goes up to 1, and the end of each round is told."""
    checked = parameters.checked(module.races, FEW | {"rounds": 2, "ways": ["threads"]})
    steps = [item for item in module.races(**checked) if not isinstance(item, dict)]
    fractions = [item.fraction for item in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert [item.fraction for item in steps if item.round_done] == [0.5, 1]


def barriers(number):
    return threading.Barrier(number), threading.Barrier(number)


def test_two_free_locks():
    """A thread gets two free locks, and leaves both free."""
    first, second = threading.Lock(), threading.Lock()
    assert _races_worker.take_both(first, second, *barriers(1), 0.01) is True
    assert not first.locked() and not second.locked()


@pytest.mark.parametrize("taken", [0, 1])
def test_a_lock_that_never_comes_free(taken):
    """A thread that waits in vain for a lock gives up, and leaves only what others hold."""
    locks = threading.Lock(), threading.Lock()
    locks[taken].acquire()
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


@pytest.mark.parametrize("way", ["threads", "processes"])
def test_a_worker_that_fails(way, monkeypatch):
    """When one worker fails, the other stops waiting, and the run ends in a sentence that names the cause."""
    if way == "processes" and "fork" not in executors.start_methods():
        pytest.skip("only a forked worker is broken by this")
    monkeypatch.setattr(_races_worker, "LIVENESS_S", 0.3)
    monkeypatch.setattr(_races_worker, "_interrupting", fails)
    with pytest.raises(LabError, match=r"^a worker raised ValueError: broken on purpose$") as caught:
        here(methods=["handshake"], ways=[way])
    assert "Traceback" in caught.value.detail


def test_a_worker_that_does_not_answer(monkeypatch):
    """A worker whose partner never answers gives up after a time, and says so."""
    monkeypatch.setattr(_races_worker, "LIVENESS_S", 0.1)
    monkeypatch.setattr(_races_worker, "_interrupting", lambda turns: None)
    with pytest.raises(LabError, match=r"TimeoutError: the other worker did not answer within 0\.1 s"):
        here(methods=["handshake"], ways=["threads"])


def test_a_worker_that_dies(monkeypatch):
    """A worker process that dies ends the run with one sentence, and no process is left."""
    if "fork" not in executors.start_methods():
        pytest.skip("only a forked worker is broken by this")
    monkeypatch.setattr(_races_worker, "_interrupting", lambda turns: os._exit(3))
    with pytest.raises(LabError, match="could not start two workers, or lost one"):
        here(methods=["handshake"], ways=["shared"], start_method="fork")


def test_workers_that_cannot_start():
    """Where no worker can be started, that is one sentence, and a worker that has been does not wait for ever."""

    class Pool:
        def submit(self, *call):
            raise OSError(11, "Resource temporarily unavailable")

    barrier = threading.Barrier(2)
    with pytest.raises(LabError, match=r"could not start two workers.*Resource temporarily unavailable"):
        module._together(Pool(), [(print, ())] * 2, barrier)
    assert barrier.broken


@pytest.mark.parametrize("ways", [["processes"], ["threads", "shared"]])
def test_no_memory_for_processes(ways):
    """Worker processes that do not fit into the memory are refused; threads are not."""
    machine = MACHINE | {"memory_free_bytes": 1 << 20}
    params = parameters.checked(module.races, {"ways": ways})
    with pytest.raises(LabError, match=r"2 .* processes need about .* at most 0 would fit"):
        module.check(params, machine)
    module.check(params | {"ways": ["threads", "queue"]}, machine)


def test_totals():
    """The sums over all rounds of each method, way and lock, in the order of methods and ways."""
    rows = [
        row("plain", "shared", lost=5),
        row("handshake", "queue"),
        row("handshake", "threads", lost=500),
        row("handshake", "threads", lost=0, number=1),
        row("handshake", "threads", "lock"),
    ]
    found = totals(rows)
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
    assert totals([]) == []
