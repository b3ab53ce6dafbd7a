"""The lessons' exercises: each check says what is wrong with an answer, not only that it is wrong.

The names to choose from, and what is said of a wrong choice, are in lessons/NN_name.json under "exercise".
"""

import contextlib
import functools
import html
import sys
from collections.abc import Callable
from math import inf, isclose
from numbers import Integral
from unittest import mock

from ..engine.errors import LabError
from ..engine.machine import machine
from .bets import Words, lessons

NOT_YET, RIGHT = Words("Not yet: replace the ... by your answer and run the cell again."), Words("✓ Right.")


def check(answer, *requirements: tuple[Callable, str]) -> Words:
    """Say whether the answer meets every requirement, or what is wrong with it; raises nothing.

    A requirement is a function of the answer and a sentence for when that returns false. The first that fails
    is reported; one that raises is reported with its error. An answer of `...` is "not yet".
    """
    if answer is ...:
        return NOT_YET
    for holds, otherwise in requirements:
        try:
            if not holds(answer):
                return _wrong(otherwise)
        except (Exception, SystemExit) as error:  # whatever a student's answer does when it is used
            return _wrong(f"{otherwise} (checking it raised {type(error).__name__}: {error})")
    return RIGHT


def _wrong(problem):
    return Words(f"✗ Not yet: {html.escape(problem)}")


def _check_names(lesson, answer) -> Words:
    """Whether the answer is the right set out of the names that the lesson's file has."""
    texts = lessons()[lesson]["exercise"]
    asked = texts["asked"]
    right = set(texts["right"] if machine()["gil"] else texts.get("without the GIL", texts["right"]))
    example = f'a set of names is wanted: {{"{asked[0]}", "{asked[-1]}"}}.'
    return check(
        answer,
        (lambda names: isinstance(names, (set, frozenset, list, tuple)), example),
        (lambda names: set(names) <= set(asked), f"the names to choose from are {', '.join(asked)}."),
        *((lambda names, name=name: name not in names, texts[name]) for name in asked if name in texts),
        (lambda names: set(names) <= right, f"at least one of these {texts['extra']}"),
        (lambda names: right <= set(names), f"at least one is missing. {texts['missing']}"),
    )


check_sees_settings = functools.partial(_check_names, "01_what_is_shared")
check_releasing = functools.partial(_check_names, "02_cpu_bound")
check_stays_shared = functools.partial(_check_names, "06_memory")
check_gives_up = functools.partial(_check_names, "10_switching")


def check_chooses(answer) -> Words:
    """Lesson 09: a kind of worker for each of four jobs, for CPython's default build."""
    jobs, kinds = lessons()["09_choose"]["exercise"], ("serial", "threads", "processes")
    example = f"a dictionary is wanted with one kind of worker for each of {', '.join(jobs)}."
    return check(
        ... if isinstance(answer, dict) and ... in answer.values() else answer,
        (lambda chosen: isinstance(chosen, dict) and chosen.keys() == jobs.keys(), example),
        (lambda chosen: set(chosen.values()) <= set(kinds), f"the kinds to choose from are {', '.join(kinds)}."),
        *((lambda chosen, job=job, kind=kind: chosen[job] == kind, hint) for job, (kind, hint) in jobs.items()),
    )


def check_usable_cpus(answer) -> Words:
    """Lesson 00: the number of CPUs that this notebook may use."""
    usable, logical = machine()["usable_cpus"], machine()["logical_cpus"]
    all_of_them = "that is how many logical CPUs the machine has. Not all of them are yours: look at usable_cpus."
    return check(
        answer,
        (_is_whole, "a whole number is wanted, such as 1 or 4."),
        (lambda number: number == usable or number != logical, all_of_them),
        (lambda number: number == usable, "lab.machine() says it, in the line usable_cpus."),
    )


def _is_whole(value):
    """Whether it is a whole number, which may be NumPy's."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _of_a_function(examine):
    """Make a check of `examine`, which is given the student's function and yields the outcome of one `check` or more.

    The first that is not "right" is the answer; where the student's function raises, the check says so.
    """
    name = examine.__name__.removeprefix("check_")

    @functools.wraps(examine)
    def checked(function) -> Words:
        def call(*args):
            try:
                return function(*args)
            except (Exception, SystemExit) as error:  # whatever a student's function does
                given = ", ".join(getattr(arg, "__name__", repr(arg)) for arg in args)
                raise LabError(f"{name}({given}) raised {type(error).__name__}: {error}.") from error

        if not callable(function):
            return _wrong(f"{name} must be a function.")
        try:
            return next((words for words in examine(call) if words != RIGHT), RIGHT)
        except LabError as raised:
            return _wrong(str(raised))

    return checked


@_of_a_function
def check_wait_all(function):
    """Lesson 03: n waits by n threads, seen by the threads' identities."""
    import threading

    ran, run = set(), threading.Thread.run

    def watched(thread):
        ran.add(threading.get_ident())
        run(thread)

    with mock.patch.object(threading.Thread, "run", watched):
        answer = function(4)
    own = "the notebook's own thread did the waiting: call get_ident() in the function that the pool runs."
    yield check(
        answer,
        (lambda ids: isinstance(ids, list) and len(ids) == 4, "wait_all(4) must return a list of four identities."),
        (lambda ids: threading.get_ident() not in ids, own),
        (lambda ids: set(ids) <= ran, "no thread has such a number: return what threading.get_ident() returns in it."),
        (lambda ids: len(set(ids)) == 4, "fewer than four threads did the waiting: give the pool n workers."),
    )


@_of_a_function
def check_transfer(function):
    """Lesson 04: move an amount between two accounts, both locks held, taken in an order that is the same for all."""
    bank = {"held": set(), "taken": [], "unguarded": False}
    one, two = _Account(1, bank), _Account(2, bank)
    moved = "the amount that is given must leave the first account's balance and arrive at the second's."
    opposite = "transfer(a, b) and transfer(b, a) take the locks in opposite orders: let no order depend on who pays."
    for source, target, amount in ((one, two, 30), (two, one, 50)):
        before, right = (source.kept, target.kept), (source.kept - amount, target.kept + amount)
        answer, after = function(source, target, amount), (source.kept, target.kept)
        begun = bank["taken"] or after != before
        yield check(
            ... if answer is ... and not begun else after,  # what it returns is not asked for
            (lambda kept, right=right: kept == right, moved),
            (lambda _: not bank["unguarded"], "a balance is read or written while one of the two locks is not held."),
            (lambda _: not bank["held"], "a lock is still held at the end: whoever needs it next waits forever."),
        )
    half = len(bank["taken"]) // 2
    yield check(bank["taken"], (lambda taken: taken[:half] == taken[half:], opposite))


class _Account:
    """An account with a number, a balance and a lock, which is the account itself; it tells the bank what happens."""

    def __init__(self, number, bank):
        self.number, self.kept, self._bank, self.lock = number, 100, bank, self

    def __repr__(self):
        return f"account {self.number}"

    @property
    def balance(self):
        self._bank["unguarded"] |= len(self._bank["held"]) < 2
        return self.kept

    @balance.setter
    def balance(self, value):
        self._bank["unguarded"] |= len(self._bank["held"]) < 2
        self.kept = value

    def acquire(self, blocking=True, timeout=-1):
        if self.number in self._bank["held"]:
            raise RuntimeError("it takes a lock that it holds already, and would wait forever")
        self._bank["held"].add(self.number)
        self._bank["taken"].append(self.number)
        return True

    def release(self, *_):
        if self.number not in self._bank["held"]:
            raise RuntimeError("release unlocked lock")
        self._bank["held"].discard(self.number)

    __enter__, __exit__ = acquire, release


@_of_a_function
def check_pays_from(function):
    """Lesson 05: the serial time from which workers pay, from their setup time, their number and the usable CPUs."""
    cases = (  # setup_s, workers, cpus; the right answer; what to say of another
        ((0.1, 2, 2), 0.2, "two do work of 0.2 s in 0.1 s of setup and then 0.1 s: that is where they begin to pay."),
        ((0.3, 4, 4), 0.4, "four workers on four CPUs save three quarters of the work, not half of it."),
        ((0.1, 8, 2), 0.2, "eight workers on two CPUs: no more than two compute at the same time."),
        ((0.1, 2, 8), 0.2, "two workers on eight CPUs: no more than two compute at the same time."),
        ((0.1, 2, 1), inf, "on one CPU nothing is ever saved: return float('inf')."),
    )
    answers = {case: function(*case) for case, _, _ in cases}
    yield check(
        ... if any(value is ... for value in answers.values()) else answers,
        *((lambda all, case=case, right=right: isclose(all[case], right), hint) for case, right, hint in cases),
    )


@_of_a_function
def check_total(function):
    """Lesson 07: the sum of the bytes in a block of shared memory, longer than its data, that is closed and stays."""
    from multiprocessing.shared_memory import SharedMemory

    data, whole = bytes(range(1, 101)), bytes(range(1, 129))  # more follows, as where blocks are whole pages
    block = SharedMemory(create=True, size=len(whole))
    closed, close, stays = set(), SharedMemory.close, False

    def watched(opened):
        if sys._getframe(1).f_code.co_name != "__del__":  # which closes what nobody has closed
            closed.add(opened.name)
        close(opened)

    try:
        block.buf[: len(whole)] = whole
        with mock.patch.object(SharedMemory, "close", watched):
            answer = function(block.name, len(data))
    finally:
        block.close()
        with contextlib.suppress(FileNotFoundError):
            block.unlink()
            stays = True
    more = "it added more than the data: a block can be longer than was asked for, so stop after size bytes."
    yield check(
        answer,
        (_is_whole, "total must return a whole number."),
        (lambda _: stays, "the block is gone: unlink() is for the one who made it, close() for all others."),
        (lambda number: not sum(data) < number <= sum(whole), more),
        (lambda number: number == sum(data), "that is not the sum of the first size bytes of the block."),
        (lambda _: block.name in closed, "the block is still open: close() it when its bytes have been added."),
    )


@_of_a_function
def check_survive(function):
    """Lesson 08: the results of every item but the one that crashes its worker."""
    from .fragile import square_or_crash

    squares = "2 and 3 crash nothing: their results, 4 and 9, must be first and last in the list."
    given = "survive(abs, [-4, 5]) must return [4, 5]: the function and the items are those that are given."
    yield check(
        function(square_or_crash, [2, -1, 3]),
        (lambda results: isinstance(results, list) and len(results) == 3, "survive must return a list, here of three."),
        (lambda results: results[::2] == [4, 9], squares),
        (lambda results: results[1] is None, "-1 crashes its worker: None must stand in its place."),
    )
    yield check(function(abs, [-4, 5]), (lambda results: results == [4, 5], given))
