"""conc_lab.student.exercises: each check accepts a right answer, and says what is wrong with the others."""

import html
import math
import re
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import nbformat
import numpy
import pytest
from helpers import LIVENESS_S

from conc_lab.student import exercises

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

CHECKS = [name for name in vars(exercises) if name.startswith("check_")]


def raises(*_):
    raise RuntimeError("an answer of <b>its</b> own")


def waits(n, workers, where=threading.get_ident):
    """What `where` says in each of n waits, the first of which are in different threads, however busy the machine."""
    together = threading.Barrier(min(n, workers))

    def wait(number):
        if number < workers:
            together.wait(LIVENESS_S)
        return where()

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(wait, range(n)))


def in_this_thread(n):
    return [threading.get_ident() for _ in range(n)]


def exits(*_):
    raise SystemExit(3)


RELEASING = {"read_file", "sha256", "zlib", "matmul"}


def pays(setup_s, workers, cpus):
    together = min(workers, cpus)
    return setup_s / (1 - 1 / together) if together > 1 else math.inf


GIVES_UP = {"sleep", "empty_pipe", "held_lock"}


def total(name, size, *, longer=0, keep=True, close=True):
    """The sum of the first bytes of a block, done well or not so well."""
    block = SharedMemory(name)
    added = sum(block.buf[: size + longer])
    if close:
        block.close()
    if not keep:
        block.unlink()
    return added


def ordered(*accounts):
    return sorted(accounts, key=lambda account: account.number)


def unguarded(source, target, amount):
    """Right between two accounts."""
    first, second = ordered(source, target)
    with first.lock, second.lock:
        source.balance -= amount
        target.balance += amount


def transfer(source, target, amount):
    if source is not target:
        unguarded(source, target, amount)


def by_acquire(source, target, amount):
    """Takes the lock of one account, too, once."""
    locks = [account.lock for account in reversed(ordered(*{source, target, source}))]
    for lock in locks:
        lock.acquire(timeout=1)
    source.balance -= amount
    target.balance += amount
    for lock in locks:
        lock.release()


def prints_money(source, target, amount):
    transfer(source, target, amount)
    if source is target:
        with source.lock:
            source.balance += amount


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


def stale(source, target, amount):
    kept = source.balance
    with source.lock, target.lock:
        source.balance = kept - amount
        target.balance += amount


def written_too_late(source, target, amount):
    with source.lock, target.lock:
        left, got = source.balance - amount, target.balance + amount
    source.balance, target.balance = left, got


def twice(source, target, amount):
    with source.lock, source.lock:
        pass


def never_released(source, target, amount):
    transfer(source, target, amount)
    source.lock.acquire()


def released_by_mistake(source, target, amount):
    source.lock.release()


def survives(function, items):
    """A pool for each item."""
    results = []
    for item in items:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            call = pool.submit(function, item)
        results.append(None if isinstance(call.exception(), BrokenProcessPool) else call.result())
    return results


def not_caught(function, items):
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        return list(pool.map(function, items))


CHOSEN = {"thumbnails": "processes", "weather": "threads", "checksums": "threads", "sums": "serial"}

RIGHT = {
    "check_usable_cpus": [3, numpy.int64(3)],
    "check_releasing": [RELEASING, list(RELEASING), tuple(RELEASING), frozenset(RELEASING)],
    "check_wait_all": [lambda n: waits(n, n)],
    "check_sees_settings": [{"threads", "fork"}],
    "check_pays_from": [pays],
    "check_ceiling": [lambda serial: 1 / serial],
    "check_together": [lambda kind, gil: not gil or kind != "threads"],
    "check_stays_shared": [{"bytes", "array.array"}],
    "check_gives_up": [GIVES_UP],
    "check_total": [total, lambda name, size: numpy.int64(total(name, size))],
    "check_transfer": [transfer, by_acquire, lambda *given: transfer(*given) or ...],
    "check_survive": [survives],
    "check_chooses": [CHOSEN],
    "check_batch": [lambda row_us, task_s: task_s * 1e6 / row_us],
}

# an exercise as the notebook leaves it
OPEN = {
    "check_usable_cpus": ...,
    "check_releasing": ...,
    "check_wait_all": lambda n: ...,
    "check_sees_settings": ...,
    "check_pays_from": lambda setup_s, workers, cpus: ...,
    "check_ceiling": lambda serial: ...,
    "check_together": lambda kind, gil: ...,
    "check_stays_shared": ...,
    "check_gives_up": ...,
    "check_total": lambda name, size: ...,
    "check_transfer": lambda *_: ...,
    "check_survive": lambda function, items: ...,
    "check_chooses": CHOSEN | {"sums": ...},
    "check_batch": lambda row_us, task_s: ...,
}

# answer: what is said to be wrong with it; what all checks of names say is under the first of them
WRONG = {
    "check_usable_cpus": [
        (8, "how many logical CPUs there are"),
        (2, "lab.machine() says it"),
        ("3", "a whole number"),
    ],
    "check_releasing": [
        (RELEASING | {"count_primes"}, "needs the GIL"),
        ({"read_file", "sha256", "zlib"}, "missing"),
        ({"sha265"}, "a set of these names is wanted: count_primes, "),
        ("sha256", "a set of these names is wanted"),
        ([["sha256"]], "TypeError"),
    ],
    "check_wait_all": [
        (lambda n: waits(n, n - 1), "fewer than four threads"),
        (in_this_thread, "in the function that the pool runs"),
        (lambda n: waits(n - 1, n), "four identities"),
        (lambda n: tuple(waits(n, n)), "four identities"),
        (lambda n: waits(n, n, lambda: None), "fewer than four threads"),
    ],
    "check_sees_settings": [
        ({"threads"}, "missing"),
        ({"threads", "fork", "spawn"}, "imports the module anew"),
        ({"thread"}, "a set of these names is wanted: threads, spawn, "),
    ],
    "check_together": [
        (lambda kind, gil: True, "two threads of pure Python take turns"),
        (lambda kind, gil: not gil, "a GIL of its own"),
        (lambda kind, gil: kind == "processes", "without a GIL no thread"),
    ],
    "check_pays_from": [
        (lambda s, w, c: s, "that is where they begin to pay"),
        (lambda s, w, c: 2 * s, "three quarters"),
        (lambda s, w, c: pays(s, w, w), "eight workers on two CPUs"),
        (lambda s, w, c: pays(s, c, c), "two workers on eight CPUs"),
        (lambda s, w, c: 1e9 if c == 1 else pays(s, w, c), "float('inf')"),
        (lambda s, w, c: s / (1 - 1 / min(w, c)), "(0.1, 2, 1) raised ZeroDivisionError"),
        (lambda s, w, c: str(pays(s, w, c)), "TypeError"),
        (lambda s, w, c: True, "that is where they begin to pay"),
        (lambda s, w, c: None if c == 1 else pays(s, w, c), "float('inf')"),
    ],
    "check_ceiling": [
        (lambda serial: 2, "a twentieth of its time"),
        (lambda serial: serial, "less than half of its time"),
        (lambda serial: 1 / serial + (serial == 1), "never faster than 1×"),
    ],
    "check_stays_shared": [
        ({"bytes", "list of ints"}, "references to other objects"),
        ({"bytes"}, "missing"),
        ({"bytearray"}, "a set of these names is wanted: list of ints, "),
    ],
    "check_batch": [
        (lambda row_us, task_s: task_s / row_us, "100,000 µs, and a row takes 50"),
        (lambda row_us, task_s: task_s * 2e4, "a twentieth of the rows"),
        (lambda row_us, task_s: 1e5 / row_us, "room for ten times the rows"),
    ],
    "check_gives_up": [
        (GIVES_UP | {"sum"}, "which is involuntary"),
        (GIVES_UP | {"full_pipe"}, "has all it needs"),
        ({"sleep", "empty_pipe"}, "missing"),
        ({"slep"}, "a set of these names is wanted: sleep, "),
    ],
    "check_total": [
        (lambda name, size: total(name, size, longer=1), "the block itself is longer"),
        (lambda name, size: total(name, size, longer=-1), "not the sum of the first"),
        (lambda name, size: 5050, "not the sum of the first"),  # that of the first of two blocks
        (lambda name, size: total(name, size, keep=False), "unlink() is for the one who made the block"),
        (lambda name, size: total(name, size, close=False), "still open"),
        (lambda name, size: sum(SharedMemory(name).buf[:size]), "still open"),
    ],
    "check_transfer": [
        (by_who_pays, "opposite orders"),
        (unguarded, "transfer(a, a, 30) takes one lock twice"),
        (prints_money, "leave the balance of a as it was"),
        (without_locks, "account 1 has no balance now: it has a balance only while its lock is held"),
        (one_after_the_other, "you did: take 1, release 1, take 2, release 2."),
        (stale, "(account 1, account 2, 30) raised AttributeError: account 1 has no balance now: "),
        (written_too_late, "the amount must leave"),
        (the_wrong_way, "the amount must leave"),
        (lambda source, target, amount: without_locks(source, target, amount) or ..., "only while its lock is held"),
        (lambda source, target, amount: transfer(source, target, 0) or ..., "the amount must leave"),
        (lambda source, target, amount: None, "you did: nothing."),
        (never_released, "you did: take 1, take 2, release 2, release 1, take 1."),
        (twice, "you did: take 1, take 1, release 1, release 1."),
        (released_by_mistake, "you did: release 1."),
    ],
    "check_survive": [
        (not_caught, "not_caught(square_or_crash, [2, -1, 3]) raised BrokenProcessPool: "),
        (lambda function, items: [function(item) for item in items], "own process"),
        (lambda function, items: [4, None], "a list, here of three"),
        (lambda function, items: (4, None, 9), "a list, here of three"),
        (lambda function, items: [None, None, 9], "crash nothing"),
        (lambda function, items: [4, 1, 9], "None must stand"),
        (lambda function, items: [4, None, 9], "survive(abs, [-4, 5]) must return [4, 5]"),
    ],
    "check_chooses": [
        (CHOSEN | {"thumbnails": "threads"}, "an interpreter for each core"),
        (CHOSEN | {"weather": "serial"}, "waits overlap"),
        (CHOSEN | {"checksums": "processes"}, "releases the GIL"),
        (CHOSEN | {"sums": "threads"}, "before any worker"),
        (CHOSEN | {"sums": "fast"}, "choose among serial, threads and processes"),
        (CHOSEN | {"others": "serial"}, "a dictionary with the four jobs"),
        ("threads", "a dictionary with the four jobs"),
        (CHOSEN | {"sums": ["serial"]}, "TypeError"),
    ],
}
OF_FUNCTIONS = ["check_wait_all", "check_pays_from", "check_together", "check_total", "check_transfer", "check_survive"]


@pytest.fixture(autouse=True)
def three_of_eight_cpus(monkeypatch):
    """A machine with a GIL and eight logical CPUs, three of them usable."""
    facts = exercises.machine() | {"usable_cpus": 3, "logical_cpus": 8, "gil": True}
    monkeypatch.setattr(exercises, "machine", lambda: facts)
    return facts


def says(name, answer):
    """What the check says, without the HTML's escapes where there are no tags."""
    text = getattr(exercises, name)(answer)
    assert "<" not in text
    return html.unescape(text)


def test_every_check_is_tested_and_used():
    """Every check has right and wrong answers here, and an exercise in a notebook; no notebook uses another."""
    assert set(CHECKS) == set(RIGHT) == set(WRONG) == set(OPEN)
    source = "\n".join(cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells)
    assert set(re.findall(r"^(check_\w+)\(", source, re.MULTILINE)) == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_check(name):
    """A right answer is right in whatever form it comes, each wrong one is told its reason, an open one is open."""
    for answer in RIGHT[name]:
        assert says(name, answer) == "✓ Right.", answer
    for number, (answer, reason) in enumerate(WRONG[name]):
        text = says(name, answer)
        assert text.startswith("✗ Not yet: ") and reason in text, (number, reason, text)
    assert says(name, OPEN[name]).startswith("Not yet: ")


def test_an_answer_that_raises_or_is_no_function():
    """Where a function is wanted, one that raises or exits, or something else, is told so, and nothing is raised."""
    for name in OF_FUNCTIONS:
        for answer, reason in (
            (raises, "raised RuntimeError: an answer of <b>its</b> own"),
            (exits, "raised SystemExit: 3"),
            (lambda: 1, "raised TypeError"),
            ("wait_all", "raised TypeError: 'str' object is not callable"),
            (None, "raised TypeError: 'NoneType' object is not callable"),
        ):
            assert reason in says(name, answer), (name, reason)


def test_what_is_watched_is_let_go():
    """After a check, whatever the answer did, blocks are as they were."""
    before = SharedMemory.__init__, SharedMemory.unlink
    for answer in (total, exits, raises):
        says("check_total", answer)
        assert (SharedMemory.__init__, SharedMemory.unlink) == before, answer


def test_on_other_machines(three_of_eight_cpus):
    """Where all CPUs may be used, or there is no GIL, the right answers are those of that machine."""
    three_of_eight_cpus["usable_cpus"] = 8
    assert says("check_usable_cpus", 8) == "✓ Right." and says("check_usable_cpus", 4).startswith("✗")
    three_of_eight_cpus["gil"] = False
    assert says("check_releasing", RELEASING | {"count_primes"}) == "✓ Right."
    assert "missing" in says("check_releasing", RELEASING)
