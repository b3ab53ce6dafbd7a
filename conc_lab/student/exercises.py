"""The lessons' exercises: each check says what is wrong with an answer, not only that it is wrong."""

import contextlib
import functools
import operator
import sys

from ..engine import tasks
from .bets import Words, check
from ..engine.machine import machine


def _check_names(answer, asked, right, *, extra, missing, first=()) -> Words:
    """Whether the answer is the set `right` out of the names `asked`; `extra` and `missing` say what else it may be."""
    shown = ", ".join(f'"{name}"' for name in (asked[0], asked[-1]))
    return check(
        answer,
        (lambda names: isinstance(names, (set, frozenset, list, tuple)), f"a set of names is wanted: {{{shown}}}."),
        (lambda names: set(names) <= set(asked), f"the names to choose from are {', '.join(asked)}."),
        *first,
        (lambda names: set(names) <= right, f"at least one of these {extra}"),
        (lambda names: right <= set(names), f"at least one is missing. {missing}"),
    )


class _Raised(Exception):
    """What a student's function raised, as a sentence; the exception itself is its cause."""


def _of_a_function(examine):
    """Make a check of `examine`, which is given the student's function; where that raises, the check says so."""
    name = examine.__name__.removeprefix("check_")

    @functools.wraps(examine)
    def checked(function) -> Words:
        def call(*args):
            try:
                return function(*args)
            except (Exception, SystemExit) as error:  # whatever a student's function does
                given = ", ".join(getattr(arg, "__name__", repr(arg)) for arg in args)
                raise _Raised(f"{name}({given}) raised {type(error).__name__}: {error}.") from error

        if not callable(function):
            return check(function, (callable, f"{name} must be a function."))
        try:
            return examine(call)
        except _Raised as raised:
            broken = type(raised.__cause__).__name__ == "BrokenProcessPool"
            cure = "BrokenProcessPool came through: catch it where you ask for the result."
            return check(raised, (lambda _: False, cure if broken else str(raised)))

    return checked


def check_usable_cpus(answer) -> Words:
    """Lesson 00: the number of CPUs that this notebook may use."""
    facts = machine()
    return check(
        answer,
        (_is_whole, "a whole number is wanted, such as 1 or 4."),
        (
            lambda number: number == facts["usable_cpus"] or number != facts["logical_cpus"],
            "that is how many logical CPUs the machine has. Not all of them are yours: look at usable_cpus.",
        ),
        (
            lambda number: number == facts["usable_cpus"],
            "lab.machine() says it, in the line usable_cpus.",
        ),
    )


def check_releasing(answer) -> Words:
    """Lesson 02: the tasks that release the GIL, out of five."""
    asked = ("count_primes", "sum_squares", "sha256", "zlib", "matmul")
    right = {name for name in asked if not machine()["gil"] or tasks.TASKS[name].kind == tasks.RELEASING}
    return _check_names(
        answer,
        asked,
        right,
        extra="spends its time in Python bytecode, a loop or a sum, and bytecode needs the GIL.",
        missing="Which of the others does its work inside a library written in C?",
    )


@_of_a_function
def check_wait_all(function) -> Words:
    """Lesson 03: n waits by n threads, seen by the threads' identities."""
    import threading

    ran, run = set(), threading.Thread.run

    def watched(thread):
        ran.add(threading.get_ident())
        run(thread)

    threading.Thread.run = watched
    try:
        answer = function(4)
    finally:
        threading.Thread.run = run
    return check(
        answer,
        (lambda ids: isinstance(ids, list) and len(ids) == 4, "wait_all(4) must return a list of four identities."),
        (lambda ids: all(map(_is_whole, ids)), "each item must be what threading.get_ident() returned."),
        (
            lambda ids: threading.get_ident() not in ids,
            "the notebook's own thread did the waiting: call get_ident() in the function that the pool runs.",
        ),
        (lambda ids: set(ids) <= ran, "no thread has such a number: return what threading.get_ident() returned in it."),
        (lambda ids: len(set(ids)) == 4, "fewer than four threads did the waiting: give the pool n workers."),
    )


def _is_whole(value):
    """Whether it is a whole number, which may be NumPy's."""
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def check_sees_settings(answer) -> Words:
    """Lesson 01: the kinds of worker that find a module's dictionary as the parent filled it before the start."""
    from ..experiments.sharing.measure import KINDS

    return _check_names(
        answer,
        list(KINDS),
        {"thread", "fork"},
        extra="starts in a new interpreter, which imports the module anew: "
        "it finds the dictionary as the module's own code makes it.",
        missing='Which other cells of the row "value set before the start" '
        "say that the worker found what the parent had set?",
    )


@_of_a_function
def check_pays_from(function) -> Words:
    """Lesson 05: the serial time from which workers pay, from their setup time, their number and the usable CPUs."""
    from math import inf, isclose

    from ..experiments.startup.measure import pays_from

    cases = ((0.1, 2, 2), (0.3, 4, 4), (0.1, 8, 2), (0.1, 2, 8), (0.1, 2, 1))
    answers = {case: function(*case) for case in cases}

    def right(case):
        return lambda found: isclose(found[case], pays_from(*case), rel_tol=1e-6)

    return check(
        ... if any(value is ... for value in answers.values()) else answers,
        (
            lambda found: all(isinstance(value, (int, float)) and value is not True for value in found.values()),
            "a number of seconds is wanted.",
        ),
        (
            right((0.1, 2, 2)),
            "with 0.1 s of setup, two workers and two CPUs, work of 0.2 s takes 0.1 s of setup and then 0.1 s: "
            "that is where they begin to pay.",
        ),
        (right((0.3, 4, 4)), "four workers on four CPUs save three quarters of the work, not half of it."),
        (right((0.1, 8, 2)), "eight workers on two CPUs: no more than two compute at once."),
        (right((0.1, 2, 8)), "two workers on eight CPUs: no more than two compute at once."),
        (lambda found: found[0.1, 2, 1] == inf, "on one CPU nothing is ever saved: return float('inf')."),
    )


def check_stays_shared(answer) -> Words:
    """Lesson 06: what a forked worker can read without copying it."""
    asked = ("list of ints", "list of str", "dict of floats", "bytes", "array.array")
    return _check_names(
        answer,
        asked,
        {"bytes", "array.array"},
        extra="holds references to other objects, and reading writes to the count of each.",
        missing="Which of the others is a single object?",
    )


def check_gives_up(answer) -> Words:
    """Lesson 10: what makes a thread give its CPU up of its own accord, out of six."""
    asked = ("sleep", "empty_pipe", "full_pipe", "free_lock", "held_lock", "sum")
    involuntary = (
        lambda names: "sum" not in names,
        "a thread that only computes has no reason to give its CPU up; it may lose it, which is involuntary.",
    )
    return _check_names(
        answer,
        asked,
        {"sleep", "empty_pipe", "held_lock"},
        extra="has all it needs, and does not wait.",
        missing="Which of the others must wait for something?",
        first=[involuntary],
    )


@_of_a_function
def check_total(function) -> Words:
    """Lesson 07: the sum of the bytes in a block of shared memory, longer than its data, that is closed and stays."""
    from multiprocessing.shared_memory import SharedMemory

    data, junk = bytes(range(1, 101)), b"\xff" * 28  # what follows the data, as where blocks are whole pages
    block = SharedMemory(create=True, size=len(data + junk))
    closed, close = set(), SharedMemory.close

    def watched(opened):
        if sys._getframe(1).f_code.co_name != "__del__":  # which closes what nobody has closed
            closed.add(opened.name)
        close(opened)

    try:
        block.buf[: len(data + junk)] = data + junk
        SharedMemory.close = watched
        answer = function(block.name, len(data))
        SharedMemory.close = close
        try:
            SharedMemory(block.name).close()
            stays = True
        except FileNotFoundError:
            stays = False
        untouched = bytes(block.buf[: len(data + junk)]) == data + junk
    finally:
        SharedMemory.close = close
        block.close()
        with contextlib.suppress(FileNotFoundError):
            block.unlink()
    return check(
        answer,
        (_is_whole, "total must return a whole number."),
        (lambda _: stays, "the block is gone: unlink() is for the one who made it, close() for all others."),
        (lambda _: untouched, "the bytes in the block have changed: read them only."),
        (
            lambda number: not sum(data) < number <= sum(data + junk),
            "it added more than the data: a block can be longer than was asked for, so stop after size bytes.",
        ),
        (lambda number: number == sum(data), "that is not the sum of the first size bytes of the block."),
        (lambda _: block.name in closed, "the block is still open: close() it when its bytes have been added."),
    )


@_of_a_function
def check_transfer(function) -> Words:
    """Lesson 04: move an amount between two accounts, both locks held, taken in an order that is the same for all."""
    bank = _Bank()
    one, two = _Account(1, bank), _Account(2, bank)
    orders = []
    for source, target, amount in ((one, two, 30), (two, one, 50)):
        before = source.kept, target.kept
        answer = function(source, target, amount)
        orders.append(bank.taken[:])
        bank.taken.clear()
        balances = source.kept, target.kept
        begun = orders[-1] or balances != before  # what a transfer returns is not asked for, so it may still be ...
        said = check(
            ... if answer is ... and not begun else balances,
            (
                lambda kept, right=(before[0] - amount, before[1] + amount): kept == right,
                "the amount that is given must leave the first account's balance and arrive at the second's.",
            ),
            (lambda _: not bank.unguarded, "a balance is read or written while one of the two locks is not held."),
            (lambda _: not bank.held, "a lock is still held at the end: whoever needs it next waits for ever."),
        )
        if said != check(None):
            return said
    return check(
        orders,
        (
            lambda taken: taken[0] == taken[1],
            "transfer(a, b, 30) and transfer(b, a, 50) take the locks in opposite orders, so two threads can each "
            "hold one and wait for the other. Choose an order that does not depend on who pays.",
        ),
    )


class _Bank:
    """What `check_transfer` watches: locks held, the order they were taken in, a balance touched without both."""

    def __init__(self):
        self.held, self.taken, self.unguarded = set(), [], False


class _Account:
    """An account with a number, a balance and a lock; it is its own lock, and tells the bank."""

    def __init__(self, number, bank):
        self.number, self.kept, self._bank = number, 100, bank
        self.lock = self

    def __repr__(self):
        return f"account {self.number}"

    @property
    def balance(self):
        self._bank.unguarded |= len(self._bank.held) < 2
        return self.kept

    @balance.setter
    def balance(self, value):
        self._bank.unguarded |= len(self._bank.held) < 2
        self.kept = value

    def acquire(self, blocking=True, timeout=-1):
        if self.number in self._bank.held:
            raise RuntimeError("it takes a lock that it holds already, and would wait for ever")
        self._bank.held.add(self.number)
        self._bank.taken.append(self.number)
        return True

    def release(self):
        if self.number not in self._bank.held:
            raise RuntimeError("release unlocked lock")
        self._bank.held.discard(self.number)

    def locked(self):
        return self.number in self._bank.held

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()


@_of_a_function
def check_survive(function) -> Words:
    """Lesson 08: the results of every item but the one that crashes its worker."""
    from .fragile import square_or_crash

    said = check(
        function(square_or_crash, [2, -1, 3]),
        (
            lambda found: isinstance(found, list) and len(found) == 3,
            "survive(square_or_crash, [2, -1, 3]) must return a list of three.",
        ),
        (
            lambda found: found[::2] == [4, 9],
            "2 and 3 crash nothing: their results, 4 and 9, must be first and last in the list.",
        ),
        (lambda found: found[1] is None, "-1 crashes its worker: None must stand in its place."),
    )
    if said != check(None):
        return said
    return check(
        function(abs, [-4, 5]),
        (
            lambda found: found == [4, 5],
            "survive(abs, [-4, 5]) must return [4, 5]: the function and the items are those that are given.",
        ),
    )


JOBS = {
    "thumbnails": (
        "processes",
        "thumbnails computes in pure Python, for a second each: which kind of worker has an interpreter for each core?",
    ),
    "weather": (
        "threads",
        "weather waits, and waits overlap on threads, of which 500 cost less to start and to keep than 500 processes.",
    ),
    "checksums": (
        "threads",
        "checksums spends its time in C code that releases the GIL, and its blocks are large: who needs no copy?",
    ),
    "sums": ("serial", "a sum is over before any worker has heard of it: what does handing it over cost?"),
}


def check_chooses(answer) -> Words:
    """Lesson 09: a kind of worker for each of four jobs, for CPython's default build."""
    if isinstance(answer, dict) and ... in answer.values():
        return check(...)
    return check(
        answer,
        (
            lambda kinds: isinstance(kinds, dict) and kinds.keys() == JOBS.keys(),
            f"a dictionary is wanted with one kind of worker for each of {', '.join(JOBS)}.",
        ),
        (
            lambda kinds: set(kinds.values()) <= {"serial", "threads", "processes"},
            'the kinds to choose from are "serial", "threads" and "processes".',
        ),
        *(
            (lambda kinds, job=job, kind=kind: kinds[job] == kind, hint)  # the first that is wrong is said
            for job, (kind, hint) in JOBS.items()
        ),
    )
