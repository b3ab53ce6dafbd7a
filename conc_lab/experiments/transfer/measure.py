"""What does it cost to hand work over: an object against its size, and many small tasks against how they are packed?

Method: a worker is started for each observation, from memory that nothing was handed over in: glibc's malloc keeps some
for a process that freed a larger object before, and 1 MB through a pipe took 1.6 ms, but 0.8 ms when 10 MB had gone to
the same worker. The first hand-overs do not count. A hand-over runs from the start of sending until the worker's short
answer "here" is back, so it holds one trip of the data and one of a word, and needs no clock that two processes share.
What arrived is proved after that by its CRC-32, outside the clock for every channel. Every channel and size once a
round, in a shuffled order. Packing is measured with `Executor.map` and its chunksize.
"""

import contextlib
import multiprocessing
import os
import shutil
import statistics
import zlib
from multiprocessing import forkserver, resource_tracker
from multiprocessing.shared_memory import SharedMemory
from queue import SimpleQueue
from time import perf_counter_ns

from ...engine import pools
from ...engine.errors import LabError, died
from ...engine.experiment import ROUNDS, Rows, columns, in_rounds
from ...engine.kinds import START_METHODS, check_memory
from ...engine.parameters import Kinds, Number, OneOf, Several, by_profile
from . import worker

KB = 1000
BLOCKS = dict.fromkeys(("new block", "same block"), START_METHODS)
CHANNELS = {"reference": ("threads",), "pickle": START_METHODS, **BLOCKS, "queue": ("interpreters",)}  # of which kinds
SHM = "/dev/shm"
# Sender and worker have a CPU each: the system put both on one for every fifth pair, and a reference then took 13 µs
# in place of 32.
CPUS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
# Hand-overs that come before those that count: the first of a size need more new memory from the operating system, and
# that takes longer than the copying (10 MB into the same block took 7.3, 0.7, 0.5 ms, and then 0.4 ms every time).
# Through a pipe 10 MB took 23 and 20 ms, and then 18.5, with 10,200, 9,500, 7,000 page faults: the receiver gets
# new pages for every message, the sender for those over 32 MB.
UNCOUNTED = 3


def _room():
    """Bytes that a block may have: half of what is free, where the system keeps an account of it."""
    return shutil.disk_usage(SHM).free // 2 if os.path.isdir(SHM) else float("inf")


# The default sizes, less those that are too large for shared memory here: 64 MB is all in many containers.
_KB = by_profile((1, 100, 1000), (1, 100, 1000, 10_000, 100_000), (1, 10, 100, 1000, 10_000, 100_000))
SIZES_KB = tuple(size for size in _KB if KB * size <= _room()) or (1,)


def transfer(
    sizes_kb: Several(Number(1, 1_000_000, "kilobytes (1,000 bytes) handed over"), "size") = SIZES_KB,
    kinds: Kinds("threads", "processes", *START_METHODS, "interpreters") = ("threads", "processes"),
    channels: Several(OneOf(lambda: CHANNELS, "how it is handed over"), "channel") = tuple(CHANNELS),
    chunks: Several(Number(1, 10_000, "small tasks handed over in one message"), "chunk") = (1, 10, 100),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Hand bytes over by every channel and size, and small tasks in chunks; one row is one observation.

    channels: "reference" is for threads; "pickle" (through a pipe), "new block" and "same block" (of shared memory) are
    for processes, "queue" for interpreters. One whose kind was not asked for is not measured.

    Columns: round, order (its place in the shuffled round), kind, channel ("map" is a process pool's map); size_bytes
    (None for "map"); chunk (None but for "map"); tasks (hand-overs that the row's figures are of, after `UNCOUNTED`
    others); handover_s (from the start of sending to the answer "here", the median of them; for "map" the wall time /
    tasks); read_s (the worker's first reading of every byte, after the clock; None for "map"); content_equal. Making
    and attaching a block is within handover_s of "new block" and not of "same block"; giving memory back is outside
    the clock for every channel. Raises LabError when what arrived differs, or a worker ends.
    """
    pairs = [(kind, channel) for kind in kinds for channel in channels if kind in CHANNELS[channel]]
    variants = [(*pair, KB * size, None) for pair in pairs for size in sizes_kb]
    variants += [(kind, "map", None, chunk) for kind in kinds if kind in START_METHODS for chunk in chunks]
    if os.name != "nt":
        # Without a tracker here a worker starts one of its own, which destroys our blocks. The server starts one and
        # must start while nobody is pinned: its workers get its CPUs. Senders that are forks start their own servers.
        (forkserver if "forkserver" in kinds and "fork" not in kinds else resource_tracker).ensure_running()
    for number, place, (kind, channel, size, chunk) in in_rounds(variants, rounds):
        # A fork starts from the sender's memory, so the sender is one, too, of this program, which then sends nothing.
        # With spawn and forkserver the figures are the same whatever the sender has sent.
        with pools.opened("fork" if "fork" in kinds else "serial", 1) as sender:
            (row,) = sender.together(*(_mapped, kind, chunk) if chunk else (_transferred, kind, channel, size))
        if not row["content_equal"]:
            raise LabError(f"{channel}: something else arrived than was sent, so no time is shown")
        variant = {"kind": kind, "channel": channel, "size_bytes": size, "chunk": chunk}
        yield dict.fromkeys(columns("transfer")) | {"round": number, "order": place} | variant | row


def check(params, machine):
    """Refuse what memory cannot hold."""
    # Six copies of an object may exist at the same time: ours, dumps, the pipe's buffer, loads, or a block.
    check_memory(max(params["sizes_kb"]), "kilobytes, with their copies,", 6 * KB, machine["memory_free_bytes"])


def _mapped(kind, chunk):
    """What a small task costs in a pool's map, with so many of them in a message."""
    count = max(500, 5 * chunk)
    with pools.opened(kind, 1) as pool:
        start = perf_counter_ns()
        values = list(pool.executor.map(abs, range(-count, 0), chunksize=chunk))
        wall_s = (perf_counter_ns() - start) / 1e9
    return {"tasks": count, "handover_s": wall_s / count, "content_equal": values == list(range(count, 0, -1))}


def _transferred(kind, channel, size):
    """What a hand-over to a fresh worker costs: many of those that are short, so that one interruption is no figure."""
    # Where the heap ends is left to chance: 10 MB took a tenth longer with 3 of 10 ends, on which an import decides.
    payload, _heap = os.urandom(KB) * (size // KB), bytes(2 * int.from_bytes(os.urandom(2)))
    count = 7 if size <= KB * KB or channel == "reference" else 3
    place = pools.pinned(CPUS[0]) if CPUS else contextlib.nullcontext()
    with place, _process(kind) if kind in START_METHODS else _thread(kind) as (send, answer):
        times, checks, reads = zip(*_handed_over(channel, send, answer, payload, UNCOUNTED + count), strict=True)
    medians = {"handover_s": statistics.median(times[UNCOUNTED:]), "read_s": statistics.median(reads[UNCOUNTED:])}
    return {"tasks": count, "content_equal": set(checks) == {zlib.crc32(payload)}} | medians


@contextlib.contextmanager
def _process(kind):
    """(send, answer) of a worker process."""
    pools.wait_for_threads()
    context = multiprocessing.get_context(kind)
    (their_in, our_out), (our_in, their_out) = context.Pipe(False), context.Pipe(False)
    process = context.Process(target=worker.receive, args=(their_in.recv, their_out.send, CPUS[-1:]), daemon=True)
    with contextlib.closing(process), our_out, our_in:
        with their_in, their_out:  # closed here, so that the worker's end is an end of file
            process.start()
        try:
            yield our_out.send, our_in.recv
        except (EOFError, ConnectionError):
            process.join()
            raise LabError(died("the worker process", process.exitcode)) from None
        finally:
            process.kill()  # it has nothing to end
            process.join()


@contextlib.contextmanager
def _thread(kind):
    """(send, answer) of a worker in this process, a thread or an interpreter."""
    with pools.opened(kind, 1) as pool, contextlib.ExitStack() as ending:
        inbox, outbox = (SimpleQueue(), SimpleQueue()) if kind == "threads" else map(worker.WakingQueue, pool.barrier)
        pool.executor.submit(worker.receive, inbox.get, outbox.put, CPUS[-1:])
        ending.callback(inbox.put, worker.END)
        yield inbox.put, outbox.get


def _handed_over(channel, send, answer, payload, times):
    """Yield (seconds until the answer, CRC-32, seconds of reading) of so many hand-overs.

    Making and opening a block is within the time of the first hand-over through it.
    """
    size, blocks = len(payload), {"new block": times, "same block": 1}.get(channel, 0)
    for _ in range(0 if blocks else times):
        yield _sent(send, answer, payload, perf_counter_ns())
    for _ in range(blocks):
        # Past the end of /dev/shm a write is a SIGBUS, not an exception.
        check_memory(size // KB, f"kilobytes in {SHM}, of which half may be used,", KB, _room())
        start = perf_counter_ns()
        with pools.uninterrupted():
            block = SharedMemory(create=True, size=size)
        try:
            for _ in range(times // blocks):
                block.buf[:size] = payload
                yield _sent(send, answer, (block.name, size), start)
                start = perf_counter_ns()
        finally:
            block.close()
            with pools.uninterrupted():
                block.unlink()
        _sent(send, answer, (block.name, None), 0)


def _sent(send, answer, item, start):
    """(seconds until the answer, CRC-32, seconds of reading) of one hand-over, and a word after it.

    The word wakes both sides for the next one: who slept while the other read a large object is slower to answer.
    """
    outcomes = []
    for what in (item, b""):
        send(what)
        answer()
        handover_s = (perf_counter_ns() - start) / 1e9
        send(worker.READ)
        outcomes.append((handover_s, *answer()))
    return outcomes[0]
