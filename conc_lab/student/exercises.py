"""The lessons' exercises: each check says what is wrong with an answer, not only that it is wrong.

The names to choose from, the cases to try, and what is said of a wrong answer to them are in lessons/NN_name.json
under "exercise".
"""

import functools
import html
import threading
from math import isclose
from multiprocessing.shared_memory import SharedMemory
from unittest import mock

from ..engine.machine import machine
from .bets import Words, lessons
from .fragile import square_or_crash

OPEN, RIGHT = "Not yet: replace the ... with your answer and run the cell again.", "✓ Right."


def _check(examine):
    """Make a check of a generator that yields (whether the answer meets a requirement, what to say if it doesn't).

    The first that is not met is reported, and so is an error; an answer of `...` is "not yet". The check raises
    nothing.
    """

    @functools.wraps(examine)
    def checked(answer) -> Words:
        try:
            findings = [(False, OPEN)] if answer is ... else examine(answer)
            said = next((otherwise for met, otherwise in findings if not met), RIGHT)
        except (Exception, SystemExit) as error:  # whatever a student's answer does when it is used
            said = f"{getattr(error, '__notes__', ['checking it'])[-1]} raised {type(error).__name__}: {error}"
        return Words(said if said in (OPEN, RIGHT) else f"✗ Not yet: {html.escape(said)}")

    return checked


def _called(function, *args):
    """What the student's function returns; where it raises, the error's last note is the call."""
    try:
        return function(*args)
    except (Exception, SystemExit) as error:
        name, *given = (getattr(thing, "__name__", repr(thing)) for thing in (function, *args))
        error.add_note(f"calling {name}({', '.join(given)})")
        raise


def _names(lesson, answer):
    """Whether the answer is the right set out of the names that the lesson's file has."""
    texts = lessons()[lesson]["exercise"]
    right = set(texts["right"] if machine()["gil"] else texts.get("without the GIL", texts["right"]))
    names = set(answer)
    yield names <= set(texts["asked"]), f"give a set of names out of these: {', '.join(texts['asked'])}."
    for name in names & texts.keys():
        yield False, texts[name]
    yield names <= right, f"at least one of these {texts['extra']}"
    yield right <= names, f"at least one is missing. {texts['missing']}"


def _cases(lesson, function):
    """A figure, or a truth value, for each case that the lesson's file has."""
    for case in lessons()[lesson]["exercise"]:
        answer = _called(function, *case["given"])
        yield answer is not ..., OPEN
        yield answer is not None and isclose(answer, float(case["right"])), case["hint"]


check_sees_settings = _check(functools.partial(_names, "01_what_is_shared"))
check_releasing = _check(functools.partial(_names, "02_cpu_bound"))
check_stays_shared = _check(functools.partial(_names, "06_memory"))
check_gives_up = _check(functools.partial(_names, "10_switching"))
check_pays_from = _check(functools.partial(_cases, "05_startup_cost"))
check_ceiling = _check(functools.partial(_cases, "11_scaling_laws"))
check_together = _check(functools.partial(_cases, "12_without_the_gil"))
check_batch = _check(functools.partial(_cases, "13_many_machines"))


@_check
def check_chooses(answer):
    """Lesson 09: a kind of worker for each of four jobs, for CPython's default build."""
    jobs = lessons()["09_choose"]["exercise"]
    yield isinstance(answer, dict) and {*answer} == {*jobs}, "give a dictionary with the four jobs as its keys."
    yield ... not in answer.values(), OPEN
    yield {*answer.values()} <= {"serial", "threads", "processes"}, "choose among serial, threads and processes."
    for job, (kind, hint) in jobs.items():
        yield answer[job] == kind, hint


@_check
def check_usable_cpus(answer):
    """Lesson 00: the number of CPUs that this notebook may use."""
    usable, logical = machine()["usable_cpus"], machine()["logical_cpus"]
    yield answer == usable or answer != logical, "those are the machine's logical CPUs. Not all of them are yours."
    yield answer == usable, "give a whole number. lab.machine() shows it as usable CPUs."


@_check
def check_wait_all(function):
    """Lesson 03: n waits by n threads of a pool, seen by the threads' identities."""
    ids = _called(function, 4)
    yield ids is not ..., OPEN
    yield isinstance(ids, list) and len(ids) == 4, "wait_all(4) must return a list of four thread numbers."
    yield threading.get_ident() not in ids, "call get_ident() inside the function that the pool runs."
    yield len(set(ids)) == 4, "fewer than four threads did the waiting: give the pool n workers."


@_check
def check_transfer(function):
    """Lesson 04: move an amount between accounts, both locks held, taken in one order, and the only one taken once."""
    orders = []
    for direction in (1, -1):
        log = []
        source, target = [_Account(1, log), _Account(2, log)][::direction]
        answer = _called(function, source, target, 30)
        yield answer is not ... or log, OPEN  # what it returns is not asked for
        both = sorted(log[:2]) == ["take 1", "take 2"] and sorted(log[2:]) == ["release 1", "release 2"]
        yield both, f"take each lock once, and both before you release one. You did: {', '.join(log) or 'nothing'}."
        yield (source.kept, target.kept) == (70, 130), "the amount must leave the first account and reach the second."
        orders.append(log[:2])
    yield orders[0] == orders[1], "transfer(a, b) and transfer(b, a) take the locks in opposite orders."
    account = _Account(1, log := [])
    _called(function, account, account, 30)
    yield log[:2] != ["take 1"] * 2, "transfer(a, a, 30) takes the same lock twice: it would wait for itself, forever."
    yield account.kept == 100, "transfer(a, a, 30) must leave the balance of a as it was."


class _Account:
    """An account with a number and a lock, which is the account itself, and with a balance while the lock is held.

    What is done with the lock is kept in `log`, the balance of an account that is not locked in `kept`.
    """

    def __init__(self, number, log):
        self.number, self.kept, self.lock, self.log = number, 100, self, log

    def __repr__(self):
        return f"account {self.number}"

    def __getattr__(self, name):
        raise AttributeError(f"{self} has no {name} now: it only has a balance while its lock is held")

    def acquire(self, blocking=True, timeout=-1):
        self.log.append(f"take {self.number}")
        self.balance = self.kept
        return True

    def release(self, *_):
        self.log.append(f"release {self.number}")
        self.kept = vars(self).pop("balance", self.kept)

    __enter__, __exit__ = acquire, release


@_check
def check_total(function):
    """Lesson 07: the sum of the bytes in a block of shared memory, longer than its data, that is closed and stays."""
    for data, size in (bytes(range(1, 129)), 100), (bytes(range(99)), 64):  # and more, as where blocks are whole pages
        block = SharedMemory(create=True, size=len(data))
        block.buf[: len(data)] = data
        opening = mock.patch.object(SharedMemory, "__init__", autospec=True, side_effect=SharedMemory.__init__)
        try:
            with opening as opened, mock.patch.object(SharedMemory, "unlink") as unlink:
                answer = _called(function, block.name, size)
        finally:
            block.close()
            block.unlink()
        yield answer is not ..., OPEN
        yield not unlink.called, "only whoever made the block calls unlink(). Everybody else calls close()."
        yield answer == sum(data[:size]), "that isn't the sum of the first size bytes. The block may be longer."
        left_open = [call for call in opened.call_args_list if call.args[0].buf is not None]
        yield not left_open, "the block is still open: close() it once you have added its bytes."


@_check
def check_survive(function):
    """Lesson 08: the results of every item but the one that crashes its worker."""
    results = _called(function, square_or_crash, [2, -1, 3])
    yield results is not ..., OPEN
    yield isinstance(results, list) and len(results) == 3, "survive must return a list, here with three items."
    yield results[::2] == [4, 9], "2 and 3 crash nothing: their results, 4 and 9, must come first and last in the list."
    yield results[1] is None, "-1 crashes its worker: put None in its place."
    yield _called(function, abs, [-4, 5]) == [4, 5], "survive(abs, [-4, 5]) must return [4, 5]: use what is given."
