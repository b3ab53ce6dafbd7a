"""The lessons' exercises: each check says what is wrong with an answer, not only that it is wrong.

The names to choose from, the cases to try, and what is said of a wrong answer to them are in lessons/NN_name.json
under "exercise".
"""

import functools
import html
from math import isclose

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
check_messages = _check(functools.partial(_cases, "07_moving_data"))
check_gives_up = _check(functools.partial(_names, "10_switching"))
check_waits = _check(functools.partial(_cases, "03_io_bound"))
check_can_lose = _check(functools.partial(_cases, "04_races"))
check_import_time = _check(functools.partial(_cases, "05_startup_cost"))
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
def check_survive(function):
    """Lesson 08: what a function returns for an item, or None where the item crashes its worker."""
    answers = [_called(function, square_or_crash, number) for number in (2, -1)]
    yield ... not in answers, OPEN
    yield answers[0] == 4, "2 crashes nothing: return its result, 4."
    yield answers[1] is None, "-1 crashes its worker: return None for it."
