"""conc_lab.exercises: each check accepts a right answer, and says what is wrong with the others."""

import contextlib
import math
import re
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.pool import ThreadPool
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import nbformat
import numpy
import pytest

from conc_lab.student import exercises

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

CHECKS = [name for name in vars(exercises) if name.startswith("check_")]


def raises():
    raise RuntimeError("an answer of <b>its</b> own")


def waits(n, workers, where=threading.get_ident):
    def wait(_):
        time.sleep(0.05)
        return where()

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(wait, range(n)))


def in_this_thread(n):
    return [threading.get_ident() for _ in range(n)]


def exits(n):
    raise SystemExit(3)


RELEASING = {"sha256", "zlib", "matmul"}


def pays(setup_s, workers, cpus):
    at_once = min(workers, cpus)
    return setup_s / (1 - 1 / at_once) if at_once > 1 else math.inf


GIVES_UP = {"sleep", "empty_pipe", "held_lock"}


def total(name, size, *, longer=0, write=False, keep=True, close=True, value=None):
    """The sum of the first bytes of a block, done well or not so well."""
    block = SharedMemory(name)
    found = sum(block.buf[: size + longer])
    if write:
        block.buf[0] = 0
    if close:
        block.close()
    if not keep:
        block.unlink()
    return found if value is None else value


def ordered(source, target):
    return sorted([source, target], key=lambda account: account.number)


def transfer(source, target, amount):
    first, second = ordered(source, target)
    with first.lock, second.lock:
        source.balance -= amount
        target.balance += amount


def by_numpy(name, size):
    with contextlib.closing(SharedMemory(name)) as block:
        return numpy.frombuffer(bytes(block.buf[:size]), numpy.uint8).sum()


def looks_at_the_lock(source, target, amount):
    assert not source.lock.locked()
    with ordered(source, target)[0].lock, ordered(source, target)[1].lock:
        assert source.lock.locked() and target.lock.locked()
        source.balance -= amount
        target.balance += amount
    return ...


def by_acquire(source, target, amount):
    locks = [account.lock for account in reversed(ordered(source, target))]
    for lock in locks:
        lock.acquire(timeout=1)
    source.balance, target.balance = source.balance - amount, target.balance + amount
    for lock in locks:
        lock.release()


def by_who_pays(source, target, amount):
    with source.lock, target.lock:
        source.balance -= amount
        target.balance += amount


def without_locks(source, target, amount):
    source.balance -= amount
    target.balance += amount


def one_after_the_other(source, target, amount):
    with source.lock:
        source.balance -= amount
    with target.lock:
        target.balance += amount


def the_wrong_way(source, target, amount):
    transfer(target, source, amount)


def twice(source, target, amount):
    with source.lock, source.lock:
        pass


def never_released(source, target, amount):
    transfer(source, target, amount)
    source.lock.acquire()


def released_by_mistake(source, target, amount):
    source.lock.release()


def survives(function, items, crashed=None):
    """A pool for each item."""
    results = []
    for item in items:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            call = pool.submit(function, item)
        results.append(crashed if isinstance(call.exception(), BrokenProcessPool) else call.result())
    return results


def first_together(function, items):
    """One pool for all, then each unfinished item alone."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        calls = [pool.submit(function, item) for item in items]
    return [
        survives(function, [item])[0] if call.exception() else call.result()
        for item, call in zip(items, calls, strict=True)
    ]


def not_caught(function, items):
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        return list(pool.map(function, items))


def in_steps(n):
    """Twice as many threads as are asked about, of another kind of pool."""
    with ThreadPool(2 * n) as pool:
        return pool.map(lambda _: time.sleep(0.05) or threading.get_ident(), range(n), chunksize=1)


CHOSEN = {"thumbnails": "processes", "weather": "threads", "checksums": "threads", "sums": "serial"}

RIGHT = {
    "check_usable_cpus": [3, numpy.int64(3)],
    "check_releasing": [RELEASING, list(RELEASING), tuple(RELEASING), frozenset(RELEASING)],
    "check_wait_all": [lambda n: waits(n, n), in_steps],
    "check_sees_settings": [{"thread", "fork"}, ["fork", "thread"], ("thread", "fork")],
    "check_pays_from": [pays, lambda s, w, c: s * min(w, c) / (min(w, c) - 1) if min(w, c) > 1 else float("inf")],
    "check_stays_shared": [{"bytes", "array.array"}, ["array.array", "bytes"]],
    "check_gives_up": [GIVES_UP, list(GIVES_UP), tuple(GIVES_UP), frozenset(GIVES_UP)],
    "check_total": [total, lambda name, size: total(name, size) + 0, by_numpy],
    "check_transfer": [transfer, by_acquire, looks_at_the_lock],
    "check_survive": [survives, first_together],
    "check_chooses": [CHOSEN],
}

# answer: what is said to be wrong with it
WRONG = {
    "check_chooses": [
        (CHOSEN | {"thumbnails": "threads"}, "an interpreter for each core"),
        (CHOSEN | {"weather": "serial"}, "waits overlap"),
        (CHOSEN | {"checksums": "processes"}, "releases the GIL"),
        (CHOSEN | {"sums": "threads"}, "before any worker"),
        (CHOSEN | {"sums": "fast"}, "the kinds to choose from"),
        (CHOSEN | {"others": "serial"}, "a dictionary is wanted"),
        ({"sums": "serial"}, "a dictionary is wanted"),
        ("threads", "a dictionary is wanted"),
        (None, "a dictionary is wanted"),
        (CHOSEN | {"sums": ["serial"]}, "TypeError"),
        (raises, "a dictionary is wanted"),
    ],
    "check_usable_cpus": [
        (8, "logical CPUs the machine has"),
        (2, "usable_cpus"),
        (0, "usable_cpus"),
        ("3", "a whole number"),
        (3.0, "a whole number"),
        (True, "a whole number"),
        ([3], "a whole number"),
        (None, "a whole number"),
        (raises, "a whole number"),
    ],
    "check_releasing": [
        (RELEASING | {"count_primes"}, "bytecode"),
        ({"sum_squares"}, "bytecode"),
        ({"sha256", "zlib"}, "missing"),
        (set(), "missing"),
        ({"sha265"}, "the names to choose from are count_primes, "),
        ("sha256", "a set of names"),
        ({"sha256": 1}, "a set of names"),
        (3, "a set of names"),
        (None, "a set of names"),
        (raises, "a set of names"),
        ([["sha256"]], "TypeError"),
    ],
    "check_wait_all": [
        (lambda n: waits(n, 1), "fewer than four threads"),
        (lambda n: waits(n, n - 1), "fewer than four threads"),
        (in_this_thread, "the notebook's own thread"),
        (lambda n: waits(n - 1, n), "four identities"),
        (lambda n: tuple(waits(n, n)), "four identities"),
        (lambda n: None, "four identities"),
        (lambda n: waits(n, n, lambda: None), "get_ident"),
        (lambda n: waits(n, n, lambda: True), "get_ident"),
        (lambda n: waits(n, n, lambda: "me"), "get_ident"),
        (lambda n: [1, 2, 3, 4], "no thread has such a number"),
        (lambda n: waits(n, n, threading.get_native_id), "no thread has such a number"),
        (lambda n: waits(n, n - 1) and [1, 2, 3, 4], "no thread has such a number"),
        (lambda n: raises(), "raised RuntimeError: an answer of <b>its</b> own"),
        (lambda: 1, "raised TypeError"),
        (exits, "raised SystemExit"),
        ([1, 2, 3, 4], "must be a function"),
        ("wait_all", "must be a function"),
        (None, "must be a function"),
    ],
    "check_sees_settings": [
        ({"thread"}, "missing"),
        (set(), "missing"),
        ({"thread", "fork", "spawn"}, "imports the module anew"),
        ({"thread", "subinterpreter"}, "imports the module anew"),
        (["forkserver"], "imports the module anew"),
        ({"threads"}, "the names to choose from are thread, spawn, "),
        ("fork", "a set of names"),
        ({"fork": 1}, "a set of names"),
        (None, "a set of names"),
        (raises, "a set of names"),
        ([["fork"]], "TypeError"),
    ],
    "check_pays_from": [
        (lambda s, w, c: s, "that is where they begin to pay"),
        (lambda s, w, c: 2 * s, "three quarters"),
        (lambda s, w, c: pays(s, w, w), "eight workers on two CPUs"),
        (lambda s, w, c: pays(s, c, c), "two workers on eight CPUs"),
        (lambda s, w, c: 1e9 if c == 1 else pays(s, w, c), "float('inf')"),
        (lambda s, w, c: s / (1 - 1 / min(w, c)), "pays_from(0.1, 2, 1) raised ZeroDivisionError"),
        (lambda s, w, c: str(pays(s, w, c)), "a number of seconds"),
        (lambda s, w, c: None, "a number of seconds"),
        (lambda s, w, c: True, "a number of seconds"),
        (lambda s, w, c: [pays(s, w, c)], "a number of seconds"),
        (lambda s, w, c: math.nan, "that is where they begin to pay"),
        (lambda s, w, c: raises(), "raised RuntimeError: an answer of <b>its</b> own"),
        (lambda s: s, "raised TypeError"),
        (lambda s, w, c: exits(3), "raised SystemExit"),
        (0.2, "must be a function"),
        ("pays_from", "must be a function"),
        (None, "must be a function"),
    ],
    "check_stays_shared": [
        ({"bytes", "list of ints"}, "references to other objects"),
        ({"bytes"}, "missing"),
        (set(), "missing"),
        ({"bytearray"}, "the names to choose from are list of ints, "),
        ("bytes", "a set of names"),
        (None, "a set of names"),
        ([["bytes"]], "TypeError"),
    ],
    "check_gives_up": [
        (GIVES_UP | {"sum"}, "which is involuntary"),
        (GIVES_UP | {"full_pipe"}, "has all it needs"),
        ({"free_lock"}, "has all it needs"),
        ({"sleep", "empty_pipe"}, "missing"),
        (set(), "missing"),
        ({"slep"}, "the names to choose from are sleep, "),
        ("sleep", "a set of names"),
        (3, "a set of names"),
        (None, "a set of names"),
        (raises, "a set of names"),
        ([["sleep"]], "TypeError"),
    ],
    "check_total": [
        (lambda name, size: total(name, size, longer=28), "it added more than the data"),
        (lambda name, size: total(name, size, longer=1), "it added more than the data"),
        (lambda name, size: total(name, size, longer=-1), "not the sum of the first"),
        (lambda name, size: total(name, size, keep=False), "unlink() is for the one who made it"),
        (lambda name, size: total(name, size, write=True), "read them only"),
        (lambda name, size: total(name, size, close=False), "still open"),
        (lambda name, size: sum(SharedMemory(name).buf[:size]), "raised ValueError"),  # nobody keeps it open
        (lambda name, size: 5050, "still open"),
        (lambda name, size: numpy.bool_(True), "a whole number"),
        (lambda name, size: 5050.0, "a whole number"),
        (lambda name, size: total(name, size, value="5050"), "a whole number"),
        (lambda name, size: None, "a whole number"),
        (lambda name, size: True, "a whole number"),
        (lambda name, size: raises(), "raised RuntimeError: an answer of <b>its</b> own"),
        (lambda name: 1, "raised TypeError"),
        (lambda name, size: exits(1), "raised SystemExit"),
        (5050, "must be a function"),
        (None, "must be a function"),
    ],
    "check_transfer": [
        (by_who_pays, "opposite orders"),
        (without_locks, "not held"),
        (lambda source, target, amount: without_locks(source, target, amount) or ..., "not held"),
        (one_after_the_other, "not held"),
        (the_wrong_way, "must leave the first account"),
        (lambda source, target, amount: transfer(source, target, 30), "the amount that is given must leave"),
        (lambda source, target, amount: transfer(source, target, 0) or ..., "the amount that is given must leave"),
        (lambda source, target, amount: by_who_pays(source, target, amount) or ..., "opposite orders"),
        (lambda source, target, amount: None, "must leave the first account"),
        (never_released, "still held"),
        (twice, "raised RuntimeError: it takes a lock that it holds already"),
        (released_by_mistake, "raised RuntimeError: release unlocked lock"),
        (lambda *_: raises(), "raised RuntimeError: an answer of <b>its</b> own"),
        (lambda *_: exits(1), "raised SystemExit"),
        (lambda source: source, "raised TypeError"),
        ("transfer", "must be a function"),
        (None, "must be a function"),
    ],
    "check_survive": [
        (not_caught, "BrokenProcessPool came through"),
        (lambda function, items: [function(item) for item in items], "own process"),
        (lambda function, items: [4, None], "a list of three"),
        (lambda function, items: (4, None, 9), "a list of three"),
        (lambda function, items: None, "a list of three"),
        (lambda function, items: [None, None, 9], "crash nothing"),
        (lambda function, items: [4, 1, 9], "None must stand"),
        (lambda function, items: [4, None, 9], "survive(abs, [-4, 5]) must return [4, 5]"),
        (lambda function, items: [item**2 if item > 0 else None for item in items], "the function and the items"),
        (lambda function, items: survives(function, items, "crashed"), "None must stand"),
        (lambda function, items: raises(), "raised RuntimeError: an answer of <b>its</b> own"),
        (lambda function, items: exits(1), "raised SystemExit"),
        (lambda function: 1, "raised TypeError"),
        ([4, None, 9], "must be a function"),
        ("survive", "must be a function"),
        (None, "must be a function"),
    ],
}

# an exercise as the notebook leaves it
OPEN = {
    "check_usable_cpus": ...,
    "check_releasing": ...,
    "check_wait_all": lambda n: ...,
    "check_sees_settings": ...,
    "check_pays_from": lambda setup_s, workers, cpus: ...,
    "check_stays_shared": ...,
    "check_gives_up": ...,
    "check_total": lambda name, size: ...,
    "check_transfer": lambda *_: ...,
    "check_survive": lambda function, items: ...,
    "check_chooses": CHOSEN | {"sums": ...},
}


@pytest.fixture(autouse=True)
def three_of_eight_cpus(monkeypatch):
    """A machine with a GIL and eight logical CPUs, three of them usable."""
    facts = exercises.machine() | {"usable_cpus": 3, "logical_cpus": 8, "gil": True}
    monkeypatch.setattr(exercises, "machine", lambda: facts)
    return facts


def pairs(table):
    return [
        pytest.param(name, answer, id=f"{name}-{index}") for name in table for index, answer in enumerate(table[name])
    ]


def said(name, answer):
    return getattr(exercises, name)(answer).text


def test_every_check_is_tested_and_used():
    """Every check has right and wrong answers here, and an exercise in a notebook; no notebook uses another."""
    assert set(CHECKS) == set(RIGHT) == set(WRONG) == set(OPEN)
    source = "\n".join(cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells)
    assert set(re.findall(r"^(check_\w+)\(", source, re.MULTILINE)) == set(CHECKS)


@pytest.mark.parametrize("name, answer", pairs(RIGHT))
def test_right(name, answer):
    """A right answer is said to be right, in whatever form it may come."""
    assert said(name, answer) == "✓ Right."


@pytest.mark.parametrize("name, case", pairs(WRONG))
def test_wrong(name, case):
    """A wrong answer, whatever its type, is told what is wrong with it, and nothing is raised."""
    answer, reason = case
    text = said(name, answer)
    assert text.startswith("✗ Not yet: ") and "<b>" not in text
    assert reason.replace("<b>", "&lt;b&gt;").replace("</b>", "&lt;/b&gt;").replace("'", "&#x27;") in text


@pytest.mark.parametrize("name", CHECKS)
def test_not_yet(name):
    """The exercise as the notebook leaves it is "not yet", not wrong."""
    assert said(name, OPEN[name]).startswith("Not yet: ")


@pytest.mark.parametrize("answer", [total, waits, exits, raises])
def test_what_is_watched_is_let_go(answer):
    """After a check, whatever the answer did, threads and blocks are as they were."""
    before = threading.Thread.run, SharedMemory.close
    said("check_wait_all", answer)
    said("check_total", answer)
    assert (threading.Thread.run, SharedMemory.close) == before


def test_all_cpus_usable(three_of_eight_cpus):
    """Where all logical CPUs may be used, their number is the right answer."""
    three_of_eight_cpus["usable_cpus"] = 8
    assert said("check_usable_cpus", 8) == "✓ Right." and said("check_usable_cpus", 4).startswith("✗")


def test_without_a_gil(three_of_eight_cpus):
    """On a free-threaded Python all five tasks let two threads compute at once."""
    three_of_eight_cpus["gil"] = False
    assert said("check_releasing", RELEASING | {"count_primes", "sum_squares"}) == "✓ Right."
    assert "missing" in said("check_releasing", RELEASING)
