"""Transfer: every byte arrives and nothing stays, what is concluded from rows, what is refused, and the charts."""

import contextlib
import itertools
import multiprocessing
import os
import random
import re
import signal
import sys
import threading
import zlib
from multiprocessing import forkserver

import helpers
import pytest
from made.results import MACHINE
from made.transfer import THOUSANDTH, made, rows_of

from conc_lab.experiments.transfer.measure import worker as far
from conc_lab.engine import pools as executors, experiment as experiments, parameters, run as runner
from conc_lab.experiments.transfer.measure import chart as drawn
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.experiments.transfer.measure import measure as module
from conc_lab.experiments.transfer.measure import crossing, medians, rate_mb_s

METHODS = executors.start_methods()


@pytest.fixture(autouse=True)
def no_server_left(nothing_left):
    """After a test nothing is left of it, and no forkserver that it started in this process."""
    executors.settle()
    yield
    executors.settle()
    forkserver._forkserver._stop()


def checked(**params):
    return parameters.checked(experiments.function("transfer"), params)


def check(free=8 << 30, **params):
    """Ask whether these parameters are allowed where so many bytes are free."""
    module.check(checked(**params), MACHINE | {"memory_free_bytes": free})


def test_rows_of_a_run():
    """A run has every way and size and every chunk once a round, with times where there are any."""
    result = helpers.real("transfer")
    assert sorted((row["way"], row["size_bytes"] or row["chunk"]) for row in result.rows) == sorted(
        [(way, 1000) for way in result.params["ways"]] + [("map", 1)]
    )
    assert sorted(row["order"] for row in result.rows) == list(range(len(result.rows)))
    for row in result.rows:
        assert row["content_equal"] is True and row["handover_s"] > 0 and row["tasks"] >= 1, row
        assert (row["read_s"] is None) == (row["way"] == "map")


def test_every_byte_arrives():
    """What the worker reports is the CRC-32 of exactly the bytes that were handed over, whatever their number."""
    ways = ["reference", "pickle", "same block", "new block"]
    with module._workers(ways, METHODS[0]) as workers:
        for way in ways:
            for size in (1, 4095, 4097, 70_000):
                payload = random.Random(size).randbytes(size)
                found = module._handed_over(way, *workers[module._kind(way)], payload, 2)
                assert [check for _, check, _ in found] == [zlib.crc32(payload)] * 2, (way, size)


def test_a_block_is_gone_after_its_hand_over():
    """While a block is handed over it exists under its name, and after it nowhere."""
    names = []

    def spying(item):
        names.append(item)
        if item[1] is not None:
            far.attached(item[0]).close()
        send(item)

    with module._workers(["new block"], METHODS[0]) as workers:
        send, answer = workers["processes"]
        module._handed_over("new block", spying, answer, b"a" * 100, 1)
    assert names[0][1] == 100 and names[-1] == (names[0][0], None)
    with pytest.raises(FileNotFoundError):
        far.attached(names[0][0])


def test_a_thread_is_handed_the_object_itself(monkeypatch):
    """The bytes that a thread's worker proves are the very object that was sent."""
    seen, proof = [], far._proof
    monkeypatch.setattr(far, "_proof", lambda view: seen.append(view) or proof(view))
    payload = b"to be handed over"
    with module._workers(["reference"], None) as workers:
        module._handed_over("reference", *workers["threads"], payload, 1)
    assert seen[-1] is payload


def test_the_first_hand_overs_do_not_count(monkeypatch):
    """The hand-overs that get new memory for their size come before those whose median is the row's figure."""

    def handed_over(way, send, answer, payload, times):
        seconds = [9.0] * module.UNCOUNTED + [1.0] * (times - module.UNCOUNTED)
        return [(each, zlib.crc32(payload), each / 2) for each in seconds]

    monkeypatch.setattr(module, "_handed_over", handed_over)
    monkeypatch.setattr(module, "_workers", lambda *args: contextlib.nullcontext({"processes": (None, None)}))
    row = next(item for item in module.transfer([2000], ["pickle"], [1], METHODS[0], 1) if isinstance(item, dict))
    assert (row["handover_s"], row["read_s"], row["tasks"]) == (1.0, 0.5, 3)


def test_other_bytes_show_no_times(monkeypatch):
    """Where other bytes arrive than were sent, the run ends in a sentence, and no row of them is given."""
    monkeypatch.setattr(far, "_proof", lambda view: (0, 0.0))
    with pytest.raises(LabError, match="reference: other bytes arrived than the 1000 that were sent"):
        list(module.transfer([1], ["reference"], [1], METHODS[0], 1))


@pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 12, 2), reason="this Python crashes after a failed send (python/cpython#111049)"
)
def test_a_worker_that_dies():
    """A worker process that is killed in the middle is a sentence with its exit code, and its block goes."""
    with pytest.raises(LabError) as caught, module._workers(["new block"], METHODS[0]) as workers:
        (child,) = multiprocessing.active_children()
        child.kill()
        module._handed_over("new block", *workers["processes"], b"abc", 3)
    assert str(caught.value) == "the worker process ended in a hand-over (exit code -9)"


def test_a_block_that_cannot_be_opened():
    """A worker that cannot open what it was told of says why, and serves on."""
    with module._workers(["pickle"], METHODS[0]) as workers:
        send, answer = workers["processes"]
        with pytest.raises(LabError, match="could not open what was sent: FileNotFoundError"):
            module._sent(send, answer, ("psm_no_such", 5), 0)
        assert module._handed_over("pickle", send, answer, b"abc", 1)[0][1] == zlib.crc32(b"abc")


def test_receive(monkeypatch):
    """The answer "here" comes before the bytes are read; of a block longer than its data only the data are taken."""
    answers, proof = [], far._proof
    monkeypatch.setattr(far, "_proof", lambda view: answers.append("reading") or proof(view))
    block = module.SharedMemory(create=True, size=100)
    try:
        block.buf[:3] = b"abc"
        far.receive(iter([(block.name, 3), (block.name, None), far.END]).__next__, answers.append)
    finally:
        block.close()
        block.unlink()
    assert answers[:2] == [far.HERE, "reading"] and answers[2][0] == zlib.crc32(b"abc")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal masks")
def test_sigterm_waits_for_a_block():
    """A SIGTERM that comes while a block is made is taken when the resource tracker knows of the block."""
    taken, before = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: taken.append("taken"))
    try:
        with executors.uninterrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            assert signal.SIGTERM in signal.sigpending() and taken == []
            thread = threading.Thread(
                target=lambda: taken.append(signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, []))
            )
            thread.start()
            thread.join()
        assert taken == [True, "taken"]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_too_little_memory():
    """Sizes that memory cannot hold together, with their copies, are refused with what would fit, which does."""
    with pytest.raises(LabError, match=r"^handing over 100 MB needs, with its copies, about 600 MB") as caught:
        check(300_000_000, sizes_kb=[100_000])
    check(300_000_000, sizes_kb=[int(re.search(r"up to (\d+) in all would fit", str(caught.value))[1])])
    sizes = [20_000 + number for number in range(10)]
    check(200_000_000, sizes_kb=sizes[:1])
    with pytest.raises(LabError, match=r"^handing over 200\.045 MB needs, with its copies, "):
        check(200_000_000, sizes_kb=sizes)


@pytest.fixture
def small_shm(monkeypatch, tmp_path):
    """A /dev/shm of which 64 MB are free, as in many containers."""
    monkeypatch.setattr(module, "SHM", str(tmp_path))
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 64_000_000}))


def test_too_little_shared_memory(small_shm, monkeypatch):
    """A block over half of what /dev/shm has free is refused, before the run and again when it is made."""
    for way in module.THROUGH_BLOCK:
        with pytest.raises(LabError, match=r"^a block of 32\.001 MB is more than half .*sizes_kb up to 32000 would f"):
            check(sizes_kb=[32_001], ways=[way])
    check(sizes_kb=[32_000])
    with pytest.raises(LabError, match=r"a block of 40 MB is more than half .* would fit"):
        module._handed_over("new block", None, None, bytes(40_000_000), 1)
    check(sizes_kb=[90_000], ways=["pickle"])
    monkeypatch.setattr(module, "SHM", "/no/such/folder")
    check(sizes_kb=[90_000])


def test_the_default_sizes_fit(small_shm, monkeypatch):
    """Where shared memory is small the default leaves out what does not fit: the lesson's call is not refused."""
    monkeypatch.setenv("CONC_LAB_PROFILE", "class")
    assert checked()["sizes_kb"] == [1, 10, 100, 1000, 10_000]
    check()
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 0}))
    assert checked()["sizes_kb"] == [1]
    monkeypatch.setattr(module, "SHM", "/no/such/folder")
    assert max(checked()["sizes_kb"]) == 100_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev/shm and at sessions")
def test_cancels_leave_nothing():
    """Cancels at any moment leave no block, no semaphore and no process, with every start method."""
    params = {"sizes_kb": [1, 3000], "ways": list(module.THROUGH_BLOCK), "rounds": 99}
    for number, method in itertools.product(range(7), METHODS):
        one = runner.Run("transfer", checked(**params, start_method=method), helpers.LIVENESS_S)
        timer = threading.Timer(0.2 + 0.037 * number, one.stop)
        timer.start()
        with contextlib.closing(one), pytest.raises(RunStopped):
            one.wait(lambda event: None)
        timer.join()
        assert runner.alive(one.pid) == []


def test_no_warning_of_leaked_blocks(monkeypatch):
    """Neither a resource tracker nor a fork has anything to complain of in a run, with every start method."""
    monkeypatch.setenv("PYTHONWARNINGS", "always")
    for method in METHODS:
        params = checked(sizes_kb=[1, 30], chunks=[1], rounds=2, start_method=method)
        one = runner.Run("transfer", params, helpers.LIVENESS_S)
        with contextlib.closing(one):
            one.wait(lambda event: None)
        assert one._printed.decode() == "", method


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


def test_rate():
    """The rate is further bytes over further time between the ends, None where time hardly grew."""
    assert rate_mb_s({1000: 1e-3, 50_000: 9.0, 2_001_000: 1.001}) == pytest.approx(2)
    for times in ({1000: 1e-3, 100_000: 2.9e-3}, {1000: 1e-3, 100_000: 0.5e-3}, {1000: 1e-3}):
        assert rate_mb_s(times) is None, times


CROSSINGS = {  # of a new block and a pickle's times 1, 2, 3: up to where it lost, and from where on it won
    "crosses": ([2, 2.5, 2], (10_000, 100_000)),
    "undecided between": ([2, [1, 3, 3], 2], (1000, 100_000)),
    "always faster": ([0.5, 1, 2], (None, 1000)),
    "always slower": ([2, 3, 4], (100_000, None)),
    "as fast is not faster": ([1, 2, 3], (100_000, None)),
    "never sure": ([[0, 3, 0], [3, 1, 1], [1, 1, 4]], (None, None)),
    "a win that does not last": ([0.5, 1, 4], (None, None)),
}


def test_crossing():
    """Lines cross between the last size lost in every round and the first from which on every round is won."""
    for name, (block, found) in CROSSINGS.items():
        times = {"pickle": [1, 2, 3], "new block": block}
        assert crossing(rows_of(times), "new block", "pickle") == found, name
        sentence, (lost, won) = drawn.CHARTS["transfer"](made(times), None, None)[2], found
        assert ("slower than the pipe in every round up to" in sentence) == bool(lost), name
        assert ("faster than the pipe in every round from" in sentence) == bool(won), name
        assert ("at the largest size not in all" in sentence) == (not lost and not won), name
    assert crossing(rows_of({"new block": [1, 1, 1]}), "new block", "pickle") == (None, None)


def test_sentences_that_no_recording_has():
    """With one size there is no rate, nor ever for a reference; chunks that save nothing, and one alone, are told."""
    (one,) = (drawn.CHARTS["transfer"](made({"pickle": [1e-3], "same block": [2e-3]}, (1000,)), None, None)[2],)
    assert one.startswith("Process, by a pickle through a pipe: 1 ms for 1 kB; process, by the same block again: 2 ms")
    assert "MB/s" not in one + drawn.CHARTS["transfer"](made({"reference": [1e-6, 1e-3, 1e-3]}), None, None)[2]
    chunks = {
        "took 6 µs, with 10 it took 6 µs, which is no less.": {1: 6e-6, 10: 6e-6},
        "With five tasks in a message a small task took 6 µs.": {5: 6e-6},
    }
    for words, times in chunks.items():
        assert drawn.CHARTS["chunks"](made(chunks=times), None, None)[2].endswith(words)


def test_charts():
    """Each way has its marker and a line through its medians on two logarithmic axes; chunks have their figures."""
    earlier = made({"pickle": [7e-3, 8e-3, 9e-3]})
    figure, alt, _ = drawn.CHARTS["transfer"](made(), None, earlier)
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [*(drawn.WAYS[way][0] for way in THOUSANDTH), "run before"]
    assert "The run before: process, by a pickle through a pipe: 1 kB 7 ms, 10 kB 8 ms, 100 kB 9 ms." in alt
    lines = [line for line in ax.lines if line.get_label() in labels[:-1]]
    assert [list(line.get_ydata()) for line in lines] == list(THOUSANDTH.values())
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 3
    ticks = [ax.xaxis.get_major_formatter()(place) for place in ax.xaxis.get_major_locator()()]
    assert ticks == ["1 kB", "10 kB", "100 kB"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("size of the object", "until the worker answers")
    (ax,) = drawn.CHARTS["chunks"](made(), None, None)[0].axes
    assert [text.get_text() for text in ax.texts] == ["60 µs", "1 µs"]
    assert ax.get_xlabel() == "tasks in a message (chunksize)" and ax.get_ylabel() == "time per task"
