"""What does it cost to hand work over: an object against its size, and many small tasks against how they are packed?

Method: a worker of each kind is started and has answered before the clock. A hand-over runs from the start of
sending until the worker's short answer "here" is back, so it holds one trip of the data and one of a word, and needs
no clock that two processes share. What arrived is proved after that by its CRC-32, outside the clock for every way.
Every way and size once a round, in a shuffled order. Packing is measured with `Executor.map` and its chunksize.
"""

import contextlib
import math
import multiprocessing
import os
import queue
import random
import shutil
import statistics
import threading
import zlib
from collections.abc import Iterator
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter_ns

from . import worker as far
from ...engine import pools as executors
from ...engine.errors import LabError, cannot_start
from ...engine.parameters import ByProfile, Number, OneOf, Several
from ...engine.stats import grouped
from ...engine.experiment import DEFAULT_START_METHOD, ROUNDS, START_METHOD, Progress, step

KB = 1000
WAYS = ("reference", "pickle", "new block", "same block", "interpreters")
THROUGH_BLOCK = ("new block", "same block")
SHM = "/dev/shm"
COPIES = 6  # of the largest object that may exist at once: ours, dumps, the pipe's buffer, loads, or a block
# Hand-overs that come before those that count: the first of a size need new memory from the operating system, which
# takes longer than the copying (10 MB into the same block took 7.3, 0.7, 0.5 ms, and then 0.4 ms every time). Through
# a pipe 10 MB took 32 and 28 ms, and then 22 ms: malloc gives back what is freed, and every message pays for it anew.
UNCOUNTED = 3


class SizesThatFit(ByProfile):
    """The profile's sizes, less those that are too large for shared memory here: 64 MB is all in many containers."""

    def value(self):
        room = _room()
        return tuple(size for size in super().value() if KB * size <= room) or (1,)


def transfer(
    sizes_kb: Several(Number(1, 1_000_000, "kilobytes (1,000 bytes) handed over"), "size") = SizesThatFit(
        (1, 100, 1000), (1, 10, 100, 1000, 10_000, 100_000), (1, 10, 100, 1000, 10_000, 100_000)
    ),
    ways: Several(OneOf(lambda: WAYS, "how it is handed over"), "way") = WAYS[:4],
    chunks: Several(Number(1, 10_000, "small tasks handed over in one message"), "chunk") = (1, 10, 100),
    start_method: START_METHOD = DEFAULT_START_METHOD,
    rounds: ROUNDS = ByProfile(2, 5, 9),
) -> Iterator[dict | Progress]:
    """Hand bytes over in every way and size, and small tasks in chunks; one row is one observation.

    Columns: round, order (its place in the shuffled round), way ("map" is a process pool's map); size_bytes (None
    for "map"); chunk (None but for "map"); tasks (hand-overs that the row's figures are of, after `UNCOUNTED` others of
    the same size); handover_s (from the start of sending to the answer "here", the median of them; for "map" the wall
    time / tasks); read_s (the worker's first reading of every byte, after the clock; None for "map"); content_equal.
    Making and attaching a block is within handover_s of "new block" and not of "same block"; giving memory back is
    outside the clock for every way. Raises LabError when what arrived differs, or a worker ends.
    """
    sizes = [KB * size for size in sizes_kb]
    payloads = {size: os.urandom(size) for size in sizes}
    checks = {size: zlib.crc32(payload) for size, payload in payloads.items()}
    variants = [(way, size) for way in ways for size in sizes]
    for number in range(rounds):
        places = len(variants) + len(chunks)
        executors.settle()
        with _workers(ways, start_method) as workers:
            for place, (way, size) in enumerate(random.sample(variants, len(variants))):
                found = _handed_over(way, *workers[_kind(way)], payloads[size], UNCOUNTED + _repeats(way, size))
                if {check for _, check, _ in found} != {checks[size]}:
                    raise LabError(f"{way}: other bytes arrived than the {size} that were sent, so no time is shown")
                counted = found[UNCOUNTED:]
                handover_s, _, read_s = map(statistics.median, zip(*counted, strict=True))
                yield _row(number, place, way, handover_s, len(counted), size_bytes=size, read_s=read_s)
                yield step(number, place, places, rounds)
        with executors.open_crew("processes", 1, start_method) as crew:
            for place, chunk in enumerate(random.sample(chunks, len(chunks)), len(variants)):
                count = max(500, 5 * chunk)
                start = perf_counter_ns()
                found = list(crew.executor.map(abs, range(-count, 0), chunksize=chunk))
                wall_s = (perf_counter_ns() - start) / 1e9
                if found != list(range(count, 0, -1)):
                    raise LabError("map returned other results than the tasks have, so no time is shown")
                yield _row(number, place, "map", wall_s / count, count, chunk=chunk)
                yield step(number, place, places, rounds)


def check(params, machine):
    """Refuse what this Python lacks, what memory cannot hold, and a block over half of what /dev/shm has free."""
    kinds = {_kind(way) for way in params["ways"]} | {"processes"}
    for kind in kinds:
        if problem := executors.unavailable(kind, params["start_method"]):
            raise LabError(problem)
    together, largest = KB * sum(params["sizes_kb"]), KB * max(params["sizes_kb"])
    executors.check_free(
        f"handing over {together / 1e6:g} MB needs, with its copies,",
        together + (COPIES - 1) * largest,
        f"sizes_kb up to {machine['memory_free_bytes'] // COPIES // KB} in all",
        machine,
    )
    if not set(THROUGH_BLOCK).isdisjoint(params["ways"]):
        _check_block(largest)


def _check_block(size):
    """Refuse a block over half of what is free: past the end of /dev/shm a write is a SIGBUS, not an exception."""
    room = _room()
    if size > room:
        raise LabError(
            f"a block of {size / 1e6:g} MB is more than half of what is free for shared memory ({SHM}): "
            f"sizes_kb up to {room // KB} would fit, or leave the shared ways out"
        )


def _room():
    """Bytes that a block may have: half of what is free, where the system keeps an account of it."""
    return shutil.disk_usage(SHM).free // 2 if os.path.isdir(SHM) else math.inf


def _kind(way):
    return {"reference": "threads", "interpreters": "interpreters"}.get(way, "processes")


def _repeats(way, size):
    """Hand-overs in one observation: many of those that are short, so that one interruption makes no figure."""
    return 7 if size <= KB * KB or way == "reference" else 3


def _row(number, place, way, handover_s, tasks, **more):
    row = {"round": number, "order": place, "way": way, "size_bytes": None, "chunk": None, "tasks": tasks}
    return row | {"handover_s": handover_s, "read_s": None, "content_equal": True} | more


@contextlib.contextmanager
def _workers(ways, start_method):
    """{kind: (send, answer)} for a started, warmed worker of each kind; processes first, from one thread."""
    kinds = {_kind(way) for way in ways}
    openers = {"processes": partial(_process, start_method), "threads": _thread, "interpreters": _interpreter}
    with contextlib.ExitStack() as stack:
        workers = {}
        for kind, opener in openers.items():
            if kind in kinds:
                send, answer = workers[kind] = stack.enter_context(opener())
                stack.callback(send, far.END)
                _handed_over("warm-up", send, answer, b"warm", 1)
        yield workers


@contextlib.contextmanager
def _process(start_method):
    if os.name != "nt":
        resource_tracker.ensure_running()  # else the worker starts one of its own, which destroys our blocks
    context = multiprocessing.get_context(start_method)
    (their_in, our_out), (our_in, their_out) = context.Pipe(False), context.Pipe(False)
    with their_in, our_out, our_in, their_out:
        process = context.Process(target=far.receive_by_pipes, args=(their_in, their_out), daemon=True)
        try:
            process.start()
        except OSError as error:
            raise LabError(cannot_start(f"a {start_method} process", error)) from error
        their_in.close()
        their_out.close()  # so that the worker's end is an end of file here

        def or_its_end(function, *item):
            try:
                return function(*item)
            except (EOFError, BrokenPipeError, ConnectionResetError):
                process.join()
                raise LabError(f"the worker process ended in a hand-over (exit code {process.exitcode})") from None

        try:
            yield partial(or_its_end, our_out.send), partial(or_its_end, our_in.recv)
        finally:
            process.join()
            process.close()


@contextlib.contextmanager
def _thread():
    inbox, outbox = queue.SimpleQueue(), queue.SimpleQueue()
    with _running(far.receive, inbox.get, outbox.put):
        yield inbox.put, outbox.get


@contextlib.contextmanager
def _running(function, *args):
    thread = threading.Thread(target=function, args=args, daemon=True)
    with executors.uninterrupted():
        thread.start()
    try:
        yield
    finally:
        thread.join()


@contextlib.contextmanager
def _interpreter():
    from concurrent import interpreters

    inbox, outbox, interpreter = interpreters.create_queue(), interpreters.create_queue(), interpreters.create()
    arrived, arrive, answered, answer = pipes = *os.pipe(), *os.pipe()
    try:
        with _running(interpreter.call, far.receive_in_interpreter, inbox, outbox, arrived, answer):
            yield partial(far.put_awake, inbox, arrive), partial(far.take_awake, outbox, answered)
        interpreter.close()
    finally:
        for descriptor in pipes:
            os.close(descriptor)


def _handed_over(way, send, answer, payload, times):
    """(seconds until the answer, CRC-32, seconds of reading) of so many hand-overs."""
    if way == "new block":
        return [found for _ in range(times) for found in _through_block(send, answer, payload, 1)]
    if way == "same block":
        return _through_block(send, answer, payload, times)
    return [_sent(send, answer, payload, perf_counter_ns()) for _ in range(times)]


def _through_block(send, answer, payload, times):
    """The same, through one block; making and opening it is within the time of the first."""
    found = []
    _check_block(len(payload))  # again, because another program may have taken the room meanwhile
    start = perf_counter_ns()
    with executors.uninterrupted():
        block = SharedMemory(create=True, size=len(payload))
    try:
        for _ in range(times):
            block.buf[: len(payload)] = payload
            found.append(_sent(send, answer, (block.name, len(payload)), start))
            start = perf_counter_ns()
    finally:
        block.close()
        with executors.uninterrupted():
            block.unlink()
    _sent(send, answer, (block.name, None), perf_counter_ns())
    return found


def _sent(send, answer, item, start):
    send(item)
    answer()
    handover_s = (perf_counter_ns() - start) / 1e9
    return handover_s, *executors.value(answer(), "the worker could not open what was sent:")


def medians(rows: list[dict]) -> dict:
    """{way: {size_bytes: median handover_s}}, and {"map": {chunk: median}}; ways and sizes in their order."""
    found = {}
    for (way, size, chunk), mine in grouped(rows, "way", "size_bytes", "chunk").items():
        found.setdefault(way, {})[size or chunk] = statistics.median(row["handover_s"] for row in mine)
    return {way: dict(sorted(found[way].items())) for way in (*WAYS, "map") if way in found}


def rate_mb_s(times: dict) -> float | None:
    """Megabytes a second that each further byte was carried at, between the smallest and the largest size.

    None with one size, and where the largest took less than three times as long: then no rate is to be seen.
    """
    small, large = min(times), max(times)
    if times[large] < 3 * times[small] or small == large:
        return None
    return (large - small) / (times[large] - times[small]) / 1e6


def crossing(rows: list[dict], way: str, other: str = "pickle") -> tuple[int | None, int | None]:
    """(the largest size up to which `way` lost in every round, the smallest from which on it won in every round).

    None for either where there is no such size; sizes between the two are undecided.
    """
    times = {(row["way"], row["size_bytes"], row["round"]): row["handover_s"] for row in rows}
    ahead = {}
    for (name, size, number), wall_s in times.items():
        if name == way and (other, size, number) in times:
            ahead.setdefault(size, []).append(wall_s < times[other, size, number])
    lost = won = None
    for size in sorted(ahead):
        if any(ahead[size]):
            break
        lost = size
    for size in sorted(ahead, reverse=True):
        if not all(ahead[size]):
            break
        won = size
    return lost, won
