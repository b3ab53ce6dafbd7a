"""Transfer: every byte arrives and nothing stays, what is concluded from rows, what is refused, and the charts."""

import contextlib
import itertools
import multiprocessing
import operator
import os
import random
import re
import signal
import sys
import threading
import types
import zlib
from multiprocessing import forkserver, resource_tracker

import helpers
import pytest
from made.results import MACHINE
from made.transfer import THOUSANDTH, made

from conc_lab.drawing import kit, words
from conc_lab.engine import kinds, parameters, pools, session
from conc_lab.engine.errors import LabError, RunStopped
from conc_lab.experiments.transfer import chart, measure
from conc_lab.experiments.transfer import worker as far

METHODS = kinds.start_methods()
DEFAULT = METHODS[0]


@pytest.fixture(autouse=True)
def no_server_left(nothing_left):
    """After a test nothing is left of it, and no forkserver that it started in this process."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # as `transfer` does, for tests that start its workers
    pools.wait_for_threads()
    yield
    pools.wait_for_threads()
    forkserver._forkserver._stop()


def checked(**params):
    return parameters.checked(measure.transfer, params)


def check(free=8 << 30, **params):
    """Ask whether these parameters are allowed where so many bytes are free."""
    measure.check(checked(**params), MACHINE | {"memory_free_bytes": free})


def test_rows_of_a_run():
    """A run has every channel of its kinds and size and every chunk once a round, with times where there are any."""
    result = helpers.real("transfer")
    sent = ["pickle", "new block", "same block"]
    assert sorted((row["kind"], row["channel"], row["size_bytes"] or row["chunk"]) for row in result.rows) == sorted(
        [("threads", "reference", 1000), (DEFAULT, "map", 1), *((DEFAULT, channel, 1000) for channel in sent)]
    )
    assert sorted(row["order"] for row in result.rows) == list(range(len(result.rows)))
    for row in result.rows:
        assert row["content_equal"] is True and row["handover_s"] > 0 and row["tasks"] >= 1, row
        assert (row["read_s"] is None) == (row["channel"] == "map")


def handed_over(worker, channel, payload, times=1):
    return list(measure._handed_over(channel, *worker, payload, times))


def test_every_byte_arrives():
    """What the worker reports is the CRC-32 of exactly the bytes that were handed over, whatever their number."""
    kind_of = {"reference": "threads"} | dict.fromkeys(("pickle", "same block", "new block"), DEFAULT)
    kind_of |= {"queue": "interpreters"} if kinds.here(["interpreters"]) else {}
    for channel, kind in kind_of.items():
        with measure._thread(kind) if kind not in METHODS else measure._process(kind) as worker:
            for size in (1, 4095, 4097, 70_000):
                payload = random.Random(size).randbytes(size)
                seen = handed_over(worker, channel, payload, 2)
                assert [crc for _, crc, _ in seen] == [zlib.crc32(payload)] * 2, (channel, size)


def test_a_block_is_gone_after_its_hand_over():
    """While a block is handed over it exists under its name, and after it nowhere."""
    names = []

    def spying(item):
        if isinstance(item, tuple):
            names.append(item)
            if item[1] is not None:
                far.SharedMemory(item[0], **far.UNTRACKED).close()
        send(item)

    with measure._process(DEFAULT) as (send, answer):
        handed_over((spying, answer), "new block", b"a" * 100)
    assert names[0][1] == 100 and names[-1] == (names[0][0], None)
    with pytest.raises(FileNotFoundError):
        far.SharedMemory(names[0][0], **far.UNTRACKED)


def reading(crc32):
    """What the worker has in place of zlib: what it reads goes through this function."""
    return types.SimpleNamespace(crc32=crc32)


def test_a_thread_is_handed_the_object_itself(monkeypatch):
    """The bytes that a thread's worker reads are those of the very object that was sent."""
    seen = []
    monkeypatch.setattr(far, "zlib", reading(lambda view: seen.append(view.obj) or zlib.crc32(view)))
    payload = b"to be handed over"
    with measure._thread("threads") as worker:
        handed_over(worker, "reference", payload)
    assert seen[0] is payload  # then comes the word


def test_the_first_hand_overs_do_not_count(monkeypatch):
    """The hand-overs that get new memory for their size come before those whose median is the row's figure."""

    def handed_over(channel, send, answer, payload, times):
        seconds = [9.0] * measure.UNCOUNTED + [1.0] * (times - measure.UNCOUNTED)
        return [(each, zlib.crc32(payload), each / 2) for each in seconds]

    monkeypatch.setattr(measure, "_handed_over", handed_over)
    row = measure._transferred("threads", "reference", 1000)
    assert (row["handover_s"], row["read_s"]) == (1.0, 0.5) and row["tasks"] >= 3


@pytest.mark.skipif("fork" not in METHODS, reason="nothing can be forked here")
def test_a_sender_for_each_observation(monkeypatch):
    """Nothing was handed over in the memory that a fork starts from: with forks, each sender is another process."""

    def handed_over(channel, send, answer, payload, times):
        return [(os.getpid(), zlib.crc32(payload), 0)] * times

    monkeypatch.setattr(measure, "_handed_over", handed_over)
    rows = list(measure.transfer([1, 2], ["fork"], ["pickle"], [], 2))
    assert len({row["handover_s"] for row in rows} | {os.getpid()}) == 5


@pytest.mark.skipif(not measure.CPUS, reason="this system lets nobody choose a CPU")
def test_a_cpu_for_each_side(monkeypatch):
    """While it is measured, the sender may use the first CPU and the worker the last; then the sender all of before."""
    allowed, seen, send = os.sched_getaffinity(0), [], measure._sent

    def sent(*args):
        outcome = send(*args)
        seen.extend(
            os.sched_getaffinity(pid) for pid in (0, *(child.pid for child in multiprocessing.active_children()))
        )
        return outcome

    monkeypatch.setattr(measure, "_sent", sent)
    monkeypatch.setattr(far, "zlib", reading(lambda view: seen.append(os.sched_getaffinity(0)) or zlib.crc32(view)))
    for kind in ("threads", *METHODS):
        seen.clear()
        measure._transferred(kind, "reference" if kind == "threads" else "pickle", 1000)
        assert set(map(frozenset, seen)) == {frozenset({min(allowed)}), frozenset({max(allowed)})}, kind
        assert os.sched_getaffinity(0) == allowed


@pytest.mark.skipif(not measure.CPUS or "forkserver" not in METHODS, reason="no CPU can be chosen, or no forkserver")
def test_the_server_is_not_pinned():
    """forkserver's server, whose workers inherit its CPUs, may use all of them: a pool's map is not pinned."""
    list(measure.transfer([1], ["forkserver"], ["pickle"], [], 1))
    assert os.sched_getaffinity(forkserver._forkserver._forkserver_pid) == os.sched_getaffinity(0)


def test_a_word_follows_each_hand_over():
    """When the bytes are read a word goes there and back, so that both sides are awake for the next hand-over."""
    sent, answers = [], iter([far.HERE, (123, 0.5), far.HERE, (0, 0.0)])
    assert measure._sent(sent.append, answers.__next__, b"abc", 0)[1:] == (123, 0.5)
    assert sent == [b"abc", far.READ, b"", far.READ] and list(answers) == []


def test_other_bytes_show_no_times(monkeypatch):
    """Where other bytes arrive than were sent, or map returns other values, the run ends in a sentence, not a row."""
    monkeypatch.setattr(far, "zlib", reading(lambda view: 0))
    with pytest.raises(LabError, match=r"^reference: something else arrived than was sent, so no time is shown"):
        next(measure.transfer([1], ["threads"], ["reference"], [1], 1))
    monkeypatch.setattr(measure, "abs", operator.pos, raising=False)
    with pytest.raises(LabError, match=r"^map: something else arrived"):
        next(measure.transfer([1], [DEFAULT], ["reference"], [1], 1))


@pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 12, 2), reason="this Python crashes after a failed send (python/cpython#111049)"
)
def test_a_worker_that_dies():
    """A worker process that is killed in the middle is a sentence with how it ended, and its block goes."""
    with pytest.raises(LabError) as caught, measure._process(DEFAULT) as worker:
        (child,) = multiprocessing.active_children()
        child.kill()
        handed_over(worker, "new block", b"abc", 3)
    assert str(caught.value) == "the worker process ended before it was done (killed by SIGKILL)"


def test_a_block_that_cannot_be_opened():
    """A worker that cannot open what it was told of ends, and that is a sentence."""
    ended = pytest.raises(LabError, match=r"^the worker process ended before it was done")
    with ended, measure._process(DEFAULT) as worker:
        measure._sent(*worker, ("psm_no_such", 5), 0)


def test_receive(monkeypatch):
    """The bytes are read when the answer "here" was heard; of a block longer than its data only the data are taken."""
    answers = []
    monkeypatch.setattr(far, "zlib", reading(lambda view: answers.append("reading") or zlib.crc32(view)))
    block = measure.SharedMemory(create=True, size=100)
    try:
        block.buf[:3] = b"abc"
        items = iter([(block.name, 3), far.READ, (block.name, None), far.READ, far.END])
        far.receive(lambda: answers.append(item := next(items)) or item, answers.append)
    finally:
        block.close()
        block.unlink()
    assert answers[1:4] == [far.HERE, far.READ, "reading"] and answers[4][0] == zlib.crc32(b"abc")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal masks")
def test_sigterm_waits_for_a_block():
    """A SIGTERM that comes while a block is made is taken when the resource tracker knows of the block."""
    taken, before = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: taken.append("taken"))
    try:
        with pools.uninterrupted():
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
    """A size that memory cannot hold, with its copies, is refused with what would fit, which does."""
    with pytest.raises(LabError, match=r"^100,000 kilobytes, with their copies, need about 600 MB") as caught:
        check(300_000_000, sizes_kb=[100_000])
    fits = int(re.search(r"ask for ([\d,]+) at most", str(caught.value))[1].replace(",", ""))
    check(300_000_000, sizes_kb=[fits - 1, fits])  # one at a time
    with pytest.raises(LabError, match=r"with their copies, need"):
        check(300_000_000, sizes_kb=[fits, fits + 1])


def test_no_channel_of_these_kinds():
    """Channels none of which is of a kind that was asked for are refused."""
    with pytest.raises(LabError, match=r"^these values do not go together"):
        next(measure.transfer([1], ["threads"], ["pickle"], [1], 1))


@pytest.fixture
def small_shm(monkeypatch, tmp_path):
    """A /dev/shm of which 64 MB are free, as in many containers."""
    monkeypatch.setattr(measure, "SHM", str(tmp_path))
    monkeypatch.setattr(measure.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 64_000_000}))


def test_too_little_shared_memory(small_shm):
    """A block over half of what /dev/shm has free is refused before it is made: to write to it would be a SIGBUS."""
    for channel in measure.BLOCKS:
        with pytest.raises(LabError, match=r"^40,000 kilobytes in .*, of which half .* ask for 32,000 at most$"):
            handed_over((None, None), channel, bytes(40_000_000))


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev/shm")
def test_the_default_sizes_fit(monkeypatch):
    """Where shared memory is small the default leaves out what does not fit: the lesson's call is not refused."""
    for free, sizes in (
        (64_000_000, [1, 100, 1000, 10_000]),
        (0, [1]),
        (1 << 40, [1, 100, 1000, 10_000, 100_000]),
    ):
        monkeypatch.setattr(measure.shutil, "disk_usage", lambda path, free=free: types.SimpleNamespace(free=free))
        with helpers.profile("class"):
            assert checked()["sizes_kb"] == sizes
            check()
    monkeypatch.setattr(measure, "SHM", "/no/such/folder")
    assert measure._room() == float("inf")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /dev/shm and at sessions")
def test_cancels_leave_nothing():
    """Cancels at any moment leave no block, no semaphore and no process, with every start method."""
    params = {"sizes_kb": [1, 3000], "channels": list(measure.BLOCKS), "rounds": 99}
    for number, method in itertools.product(range(7), METHODS):
        one = session.Run("transfer", checked(**params, kinds=[method]), helpers.LIVENESS_S)
        timer = threading.Timer(0.2 + 0.037 * number, one.stop)
        timer.start()
        with contextlib.closing(one), pytest.raises(RunStopped):
            one.wait(lambda event: None)
        timer.join()
        assert session.alive(one.pid) == []


def test_no_warning_of_leaked_blocks(monkeypatch):
    """Neither a resource tracker nor a fork has anything to complain of in a run, with every start method."""
    monkeypatch.setenv("PYTHONWARNINGS", "always")
    params = checked(sizes_kb=[1, 30], kinds=["threads", *METHODS], chunks=[1], rounds=1)
    one = session.Run("transfer", params, helpers.LIVENESS_S)
    with contextlib.closing(one):
        one.wait(lambda event: None)
    assert one._printed.decode() == ""


def test_summary():
    """The median of the rounds for each channel and size, channels and sizes in their order, chunks under "map"."""
    lines = chart.summary(made({"pickle": [[3, 1, 2], 5, 6], "reference": [1, 1, 1]}, chunks={100: 1, 1: 60}))
    assert list(lines.channel) == ["reference"] * 3 + ["pickle"] * 3 + ["map"] * 2
    assert list(lines.handover_s) == [1, 1, 1, 2, 5, 6, 60, 1]
    assert list(lines.size_bytes[:3]) == [1000, 10_000, 100_000] and list(lines.chunk[6:]) == [1, 100]
    assert list(lines.kind.unique()) == ["threads", "processes"]


CROSSINGS = {  # of a new block and a pickle's times 1, 2, 3: from where on it won, and whether it ever did
    "crosses": ([2, 2.5, 2], (100_000, True)),
    "undecided between": ([2, [1, 3, 3], 2], (100_000, True)),
    "always faster": ([0.5, 1, 2], (1000, True)),
    "always slower": ([2, 3, 4], (None, False)),
    "as fast is not faster": ([1, 2, 3], (None, False)),
    "never sure": ([[0, 3, 0], [3, 1, 1], [1, 1, 4]], (None, True)),
    "a win that does not last": ([0.5, 1, 4], (None, True)),
}


def sentence(*args, name="transfer", **kwargs):
    return getattr(chart, f"{name}_chart")(made(*args, **kwargs), None)[2]


def test_crossing():
    """Lines cross at the first size from which on every round is won, and only then is it said."""
    for name, (block, (size, ever)) in CROSSINGS.items():
        times = {"pickle": [1, 2, 3], "new block": block}
        found = chart.crossing(made(times), ("processes", "new block"), ("processes", "pickle"))
        assert found == (size, ever), name
        said = f"; from {size and words.size(size)} on, faster than the pickle in every round"
        assert (said in sentence(times)) == ("faster" in sentence(times)) == bool(size), name
    assert "faster" not in sentence({"new block": [1, 1, 1]})


def test_sentences_that_no_recording_has():
    """One size alone, or one chunk, is told once; a chart that no row is for is refused."""
    told = sentence({"pickle": [1e-3], "same block": [2e-3]}, (1000,))
    assert told == "Pickle to processes (fork): 1 ms for 1 kB. Same block to processes (fork): 2 ms for 1 kB."
    assert sentence(chunks={5: 6e-6}, name="chunks") == "Map to processes (fork): 6 µs a task with 5 per message."
    for name, column in ("transfer", "size_bytes"), ("chunks", "chunk"):
        result = made()
        result.rows[:] = [row for row in result.rows if row[column] is None]
        with pytest.raises(LabError, match=r"^this run has nothing to show by the .*: only processes get chunks"):
            getattr(chart, f"{name}_chart")(result, None)


def test_charts():
    """Each channel has its marker and a line through its medians on two logarithmic axes; so has the map of a pool."""
    result = made()
    figure, alt, _ = chart.transfer_chart(result, None)
    (ax,) = figure.axes
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    names = ["reference to threads", "pickle to processes (fork)", "new block to processes (fork)"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    assert "pickle to processes (fork): 1 ms for 1 kB, 10 ms for 10 kB, 100 ms for 100 kB;" in alt
    lines = [line for line in ax.lines if line.get_label() in names]
    assert [list(line.get_ydata()) for line in lines] == list(THOUSANDTH.values())
    assert len({line.get_marker() for line in lines}) == 3
    colors = [kit.LOOKS[kind]["color"] for kind in ("threads", "processes", "processes")]  # a hue is a kind's
    assert [line.get_color() for line in lines] == colors
    assert {"1 kB", "10 kB", "100 kB"} <= set(map(ax.xaxis.get_major_formatter(), ax.xaxis.get_major_locator()()))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("size of the object", "time until the worker answers")
    (ax,) = chart.chunks_chart(result, None)[0].axes
    (line,) = [line for line in ax.lines if line.get_label() == "map to processes (fork)"]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 100], [60e-6, 1e-6])
    assert ax.get_xlabel() == "tasks per message (chunksize)" and ax.get_ylabel() == "time per small task"
