"""The transfer experiment: what its rows hold, what may be said of rows, and that nothing of it stays."""

import contextlib
import itertools
import json
import multiprocessing
import os
import random
import re
import signal
import sys
import threading
import time
import zlib
from multiprocessing import forkserver

import helpers
import pytest
from made.results import MACHINE

from conc_lab.experiments.transfer import worker as far
from conc_lab.engine import pools as executors, experiment as experiments, parameters, run as runner
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.experiments.transfer import measure as module
from conc_lab.experiments.transfer.measure import crossing, medians, rate_mb_s

COLUMNS = {
    "round", "order", "way", "size_bytes", "chunk", "tasks", "handover_s", "read_s", "content_equal",
}  # fmt: skip
SMALL = {"sizes_kb": [1, 30], "chunks": [1, 7], "rounds": 2}
METHODS = executors.start_methods()
HERE = [way for way in module.WAYS if way != "interpreters" or not executors.unavailable("interpreters")]


@pytest.fixture(autouse=True)
def no_server_left(nothing_left):
    """After a test nothing is left of it, and no forkserver that it started in this process."""
    yield
    forkserver._forkserver._stop()


def run(**params):
    return runner.run("transfer", SMALL | params, timeout_s=helpers.LIVENESS_S)


@pytest.mark.parametrize("method", helpers.METHODS)
def test_rows_of_a_run(method):
    """A run has every way and size and every chunk once a round, and all columns hold what they say."""
    rows = run(ways=HERE, start_method=method).rows
    wanted = [(way, 1000 * size, None) for way, size in itertools.product(HERE, SMALL["sizes_kb"])]
    wanted += [("map", None, chunk) for chunk in SMALL["chunks"]]
    for number in (0, 1):
        mine = [row for row in rows if row["round"] == number]
        assert sorted(map(repr, wanted)) == sorted(repr((r["way"], r["size_bytes"], r["chunk"])) for r in mine)
        assert sorted(row["order"] for row in mine) == list(range(len(wanted)))
    for row in rows:
        assert row.keys() == COLUMNS and row["content_equal"] is True and row["handover_s"] > 0 and row["tasks"] >= 1
        assert (row["read_s"] is None) == (row["way"] == "map")
    json.dumps(rows, allow_nan=False)


def test_the_order_is_shuffled():
    """The order of ways and sizes differs from round to round."""
    rows = run(rounds=4, sizes_kb=[1, 2], ways=["reference", "pickle"], chunks=[1]).rows
    orders = {tuple((r["way"], r["size_bytes"]) for r in rows if r["round"] == number) for number in range(4)}
    assert len(orders) > 1  # four equal shuffles of four would be 1 in 24**3


@pytest.fixture
def worker(request):
    """(send, answer) of a worker of this kind, started and warmed."""
    way, method = request.param
    executors.settle()
    with module._workers([way], method) as workers:
        yield way, *workers[module._kind(way)]
    executors.settle()


KINDS = [("reference", None), *(("pickle", method) for method in METHODS), *(("same block", m) for m in METHODS)]


@pytest.mark.parametrize("worker", KINDS, indirect=True, ids=str)
@pytest.mark.parametrize("size", [1, 4095, 4097, 70_000])
def test_every_byte_arrives(worker, size):
    """What the worker reports is the CRC-32 of exactly the bytes that were handed over, whatever their number."""
    payload = random.Random(size).randbytes(size)
    found = module._handed_over(*worker, payload, 2)
    assert len(found) == 2
    for seconds, check, read_s in found:
        assert check == zlib.crc32(payload) and seconds > 0 and read_s >= 0


@pytest.mark.parametrize("worker", [("new block", method) for method in METHODS], indirect=True, ids=str)
def test_a_block_is_gone_after_its_hand_over(worker):
    """While a block is handed over it exists under its name, and after it nowhere."""
    way, send, answer = worker
    names = []

    def spying(item):
        names.append(item)
        if item[1] is not None:
            far.attached(item[0]).close()
        send(item)

    module._handed_over(way, spying, answer, b"a" * 100, 1)
    assert names[0][1] == 100 and names[-1] == (names[0][0], None)
    with pytest.raises(FileNotFoundError):
        far.attached(names[0][0])


def test_a_thread_is_handed_the_object_itself(monkeypatch):
    """The bytes that a thread's worker proves are the very object that was sent; a process's are a copy."""
    seen, proof = [], far._proof
    monkeypatch.setattr(far, "_proof", lambda view: seen.append(view) or proof(view))
    payload = b"to be handed over"
    with module._workers(["reference"], None) as workers:
        module._handed_over("reference", *workers["threads"], payload, 1)
    assert seen[-1] is payload
    executors.settle()


@pytest.mark.parametrize("way", ["pickle", "same block", "new block"])
def test_the_first_hand_overs_do_not_count(monkeypatch, way):
    """The hand-overs that get new memory for their size come before those whose median is the row's figure."""

    def handed_over(way, send, answer, payload, times):
        seconds = [9.0] * module.UNCOUNTED + [1.0] * (times - module.UNCOUNTED)
        return [(each, zlib.crc32(payload), each / 2) for each in seconds]

    monkeypatch.setattr(module, "_handed_over", handed_over)
    monkeypatch.setattr(module, "_workers", lambda *args: contextlib.nullcontext({"processes": (None, None)}))
    row = next(item for item in module.transfer([10_000], [way], [1], METHODS[0], 1) if isinstance(item, dict))
    assert (row["handover_s"], row["read_s"], row["tasks"]) == (1.0, 0.5, module._repeats(way, 10_000_000))


def test_other_bytes_show_no_times(monkeypatch):
    """Where other bytes arrive than were sent, the run ends in a sentence, and no row of them is given."""
    monkeypatch.setattr(far, "_proof", lambda view: (0, 0.0))
    with pytest.raises(LabError, match="reference: other bytes arrived than the 1000 that were sent"):
        list(module.transfer([1], ["reference"], [1], METHODS[0], 1))
    executors.settle()


@pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 12, 2), reason="this Python crashes after a failed send (python/cpython#111049)"
)
@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_dies(method):
    """A worker process that is killed in the middle is a sentence with its exit code, and its block goes."""
    executors.settle()
    with pytest.raises(LabError) as caught, module._workers(["new block"], method) as workers:
        (child,) = multiprocessing.active_children()
        child.kill()
        module._handed_over("new block", *workers["processes"], b"abc", 3)
    assert str(caught.value) == "the worker process ended in a hand-over (exit code -9)"


def test_a_block_that_cannot_be_opened():
    """A worker that cannot open what it was told of says why, and serves on."""
    executors.settle()
    with module._workers(["pickle"], METHODS[0]) as workers:
        send, answer = workers["processes"]
        with pytest.raises(LabError, match="could not open what was sent: FileNotFoundError"):
            module._sent(send, answer, ("psm_no_such", 5), 0)
        assert module._handed_over("pickle", send, answer, b"abc", 1)[0][1] == zlib.crc32(b"abc")


def test_receive_reports_at_once(monkeypatch):
    """The answer "here" comes before the bytes are read, so that reading is outside the sender's clock."""
    said, proof = [], far._proof
    monkeypatch.setattr(far, "_proof", lambda view: said.append("reading") or proof(view))
    far.receive(iter([b"abc", far.END]).__next__, said.append)
    assert said[:2] == [far.HERE, "reading"] and said[2][0] == zlib.crc32(b"abc")


def test_a_block_longer_than_its_data():
    """Of a block that is longer than the data (macOS gives whole pages) only the data is taken."""
    said, block = [], module.SharedMemory(create=True, size=100)
    try:
        block.buf[:3] = b"abc"
        far.receive(iter([(block.name, 3), (block.name, None), far.END]).__next__, said.append)
    finally:
        block.close()
        block.unlink()
    assert said[1][0] == zlib.crc32(b"abc")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal masks")
def test_sigterm_waits_for_a_block():
    """A SIGTERM that comes while a block is made is taken when the resource tracker knows of the block."""
    taken, before = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: taken.append("taken"))
    try:
        with executors.uninterrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            assert taken == []
            thread = threading.Thread(
                target=lambda: taken.append(signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, []))
            )
            thread.start()
            thread.join()
        assert taken == [True, "taken"]
    finally:
        signal.signal(signal.SIGTERM, before)


def refused(free=8 << 30, **params):
    checked = parameters.checked(experiments.function("transfer"), params)
    with pytest.raises(LabError) as caught:
        module.check(checked, MACHINE | {"memory_free_bytes": free})
    assert "\n" not in str(caught.value) and not caught.value.detail
    return str(caught.value)


def test_too_little_memory():
    """An object whose copies exceed the free memory is refused with the size that would fit, which does fit."""
    said = refused(free=300_000_000, sizes_kb=[100_000])
    assert said.startswith("handing over 100 MB needs, with its copies, about 600 MB and 300 MB are free: ")
    fits = int(re.search(r"up to (\d+) in all would fit", said)[1])
    checked = parameters.checked(experiments.function("transfer"), {"sizes_kb": [fits]})
    module.check(checked, MACHINE | {"memory_free_bytes": 300_000_000})


def test_sizes_are_in_memory_together():
    """An object of each size is kept all the time: they count together."""
    sizes = [20_000 + number for number in range(10)]
    module.check(
        parameters.checked(experiments.function("transfer"), {"sizes_kb": sizes[:1]}),
        MACHINE | {"memory_free_bytes": 200_000_000},
    )
    assert refused(free=200_000_000, sizes_kb=sizes).startswith("handing over 200.045 MB needs, with its copies, ")


@pytest.fixture
def small_shm(monkeypatch, tmp_path):
    """A /dev/shm of which 64 MB are free, as in many containers."""
    monkeypatch.setattr(module, "SHM", str(tmp_path))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 64_000_000}))


@pytest.mark.parametrize("way", module.THROUGH_BLOCK)
def test_too_little_shared_memory(small_shm, way):
    """A block over half of what /dev/shm has free is refused with the size that would fit."""
    said = refused(sizes_kb=[32_001], ways=[way])
    assert re.match(r"a block of 32\.001 MB is more than half .*sizes_kb up to 32000 would fit", said)
    module.check(parameters.checked(experiments.function("transfer"), {"sizes_kb": [32_000]}), MACHINE)


def test_shared_memory_that_fills_up_meanwhile(small_shm):
    """The room is asked for again when a block is made: another program may have taken it after the check."""
    with pytest.raises(LabError, match=r"a block of 40 MB is more than half .* would fit"):
        module._handed_over("new block", None, None, bytes(40_000_000), 1)


def test_the_default_sizes_fit(small_shm, monkeypatch):
    """Where shared memory is small the default leaves out what does not fit: the lesson's call is not refused."""
    monkeypatch.setenv("CONC_LAB_PROFILE", "class")
    function = experiments.function("transfer")
    params = parameters.checked(function, {})
    assert params["sizes_kb"] == [1, 10, 100, 1000, 10_000]
    module.check(params, MACHINE)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 0}))
    assert parameters.checked(function, {})["sizes_kb"] == [1]
    monkeypatch.setattr(module, "SHM", "/no/such/folder")
    assert max(parameters.checked(function, {})["sizes_kb"]) == 100_000


def test_no_shared_memory_asked_for(small_shm, monkeypatch):
    """What /dev/shm has free does not matter to other ways, nor where there is no such folder."""
    function = experiments.function("transfer")
    module.check(parameters.checked(function, {"sizes_kb": [90_000], "ways": ["pickle"]}), MACHINE)
    monkeypatch.setattr(module, "SHM", "/no/such/folder")
    module.check(parameters.checked(function, {"sizes_kb": [90_000]}), MACHINE)


@pytest.mark.skipif(not executors.unavailable("interpreters"), reason="this Python has interpreters")
def test_no_interpreters():
    """Before Python 3.14 a subinterpreter is refused with the version that is needed."""
    assert refused(ways=["interpreters"]).startswith("interpreters need Python 3.14; this is ")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev/shm and at sessions")
@pytest.mark.parametrize("method", METHODS)
def test_cancels_leave_nothing(method):
    """Twenty cancels at any moment leave no block, no semaphore and no process."""
    params = {"sizes_kb": [1, 3000], "ways": list(module.THROUGH_BLOCK), "rounds": 99, "start_method": method}
    checked = parameters.checked(experiments.function("transfer"), params)
    for number in range(20):
        one = runner.Run("transfer", checked, helpers.LIVENESS_S)
        timer = threading.Timer(0.2 + 0.013 * number, one.stop)
        timer.start()
        with contextlib.closing(one), pytest.raises(RunStopped):
            one.wait(lambda event: None)
        timer.join()
        assert runner.alive(one.pid) == []


@pytest.mark.parametrize("method", METHODS)
def test_no_warning_of_leaked_blocks(method, monkeypatch):
    """Neither a resource tracker nor a fork has anything to complain of in a run."""
    monkeypatch.setenv("PYTHONWARNINGS", "always")
    checked = parameters.checked(experiments.function("transfer"), SMALL | {"start_method": method})
    one = runner.Run("transfer", checked, helpers.LIVENESS_S)
    with contextlib.closing(one):
        one.wait(lambda event: None)
    assert one._printed.decode() == ""


def test_medians():
    """The median of the rounds for each way and size, ways and sizes in their order, chunks under "map"."""
    rows = rows_of({"pickle": [[3, 1, 2], 5, 6], "reference": [1, 1, 1]}, chunks={100: 1, 1: 60})
    found = medians(rows[::-1])
    assert found == {
        "reference": {1000: 1, 10_000: 1, 100_000: 1},
        "pickle": {1000: 2, 10_000: 5, 100_000: 6},
        "map": {1: 60, 100: 1},
    }
    assert list(found) == ["reference", "pickle", "map"] and list(found["map"]) == [1, 100]


@pytest.mark.parametrize(
    ("times", "rate"),
    [
        ({1_000_000: 0.5, 101_000_000: 2.5}, 50.0),
        ({1000: 1e-3, 50_000: 9.0, 2_001_000: 1.001}, 2.0),
        ({1000: 1e-3, 100_000: 2.9e-3}, None),
        ({1000: 1e-3, 100_000: 0.5e-3}, None),
        ({1000: 1e-3}, None),
    ],
    ids=["rate", "ends only", "hardly slower", "faster", "one size"],
)
def test_rate(times, rate):
    """The rate is further bytes over further time, None where time hardly grew."""
    assert rate_mb_s(times) == (None if rate is None else pytest.approx(rate))


CROSSINGS = {
    "crosses": ({"pickle": [1, 2, 3], "new block": [2, 2.5, 2]}, (10_000, 100_000)),
    "undecided between": ({"pickle": [1, 2, 3], "new block": [2, [1, 3, 3], 2]}, (1000, 100_000)),
    "always faster": ({"pickle": [1, 2, 3], "new block": [0.5, 1, 2]}, (None, 1000)),
    "always slower": ({"pickle": [1, 2, 3], "new block": [2, 3, 4]}, (100_000, None)),
    "never sure": ({"pickle": [2, 2, 2], "new block": [[1, 3, 1], [3, 1, 1], [1, 1, 3]]}, (None, None)),
    "as fast is not faster": ({"pickle": [1, 1, 1], "new block": [1, 1, 1]}, (100_000, None)),
    "a win that does not last": ({"pickle": [2, 2, 2], "new block": [1, 1, 3]}, (None, None)),
    "nothing to compare with": ({"new block": [1, 1, 1]}, (None, None)),
}


@pytest.mark.parametrize(("times", "found"), CROSSINGS.values(), ids=CROSSINGS)
def test_crossing(times, found):
    """Lines cross between the last size lost in every round and the first from which on every round is won."""
    assert crossing(rows_of(times), "new block", "pickle") == found
