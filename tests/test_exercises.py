"""conc_lab.student.exercises: each check accepts a right answer, and says what is wrong with the others."""

import html
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import nbformat
import numpy
import pytest

from conc_lab.student import exercises

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

CHECKS = [name for name in vars(exercises) if name.startswith("check_")]


def raises(*_):
    raise RuntimeError("an answer of <b>its</b> own")


def exits(*_):
    raise SystemExit(3)


RELEASING = {"read_file", "sha256", "zlib", "matmul"}


def imported(import_s, workers, cpus):
    return import_s * workers / min(workers, cpus)


GIVES_UP = {"sleep", "empty_pipe", "held_lock"}


def messages_s(items, chunksize, message_us):
    return items / chunksize * message_us / 1e6


def survives(function, item):
    """A pool of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        call = pool.submit(function, item)
        return None if call.exception() else call.result()


def not_caught(function, item):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, item).result()


CHOSEN = {"sudokus": "processes", "weather": "threads", "checksums": "threads", "sums": "serial"}

RIGHT = {
    "check_usable_cpus": [3, numpy.int64(3)],
    "check_releasing": [RELEASING, list(RELEASING), tuple(RELEASING), frozenset(RELEASING)],
    "check_waits": [lambda requests, wait_s, threads, cpus: requests / threads * wait_s],
    "check_sees_settings": [{"threads", "fork"}],
    "check_import_time": [imported],
    "check_ceiling": [lambda serial: 1 / serial],
    "check_together": [lambda kind, gil: not gil or kind != "threads"],
    "check_stays_shared": [{"bytes", "array.array"}],
    "check_gives_up": [GIVES_UP],
    "check_messages": [messages_s, lambda *given: numpy.float64(messages_s(*given))],
    "check_can_lose": [lambda call, gil, cpus: call or not gil, lambda call, gil, cpus: float(call or not gil)],
    "check_survive": [survives],
    "check_chooses": [CHOSEN],
    "check_batch": [lambda row_us, task_s: task_s * 1e6 / row_us],
}

# an exercise as the notebook leaves it
OPEN = {
    "check_usable_cpus": ...,
    "check_releasing": ...,
    "check_waits": lambda *_: ...,
    "check_sees_settings": ...,
    "check_import_time": lambda import_s, workers, cpus: ...,
    "check_ceiling": lambda serial: ...,
    "check_together": lambda kind, gil: ...,
    "check_stays_shared": ...,
    "check_gives_up": ...,
    "check_messages": lambda items, chunksize, message_us: ...,
    "check_can_lose": lambda *_: ...,
    "check_survive": lambda function, item: ...,
    "check_chooses": CHOSEN | {"sums": ...},
    "check_batch": lambda row_us, task_s: ...,
}

# answer: what is said to be wrong with it; what all checks of names say is under the first of them
WRONG = {
    "check_usable_cpus": [
        (8, "the machine's logical CPUs"),
        (2, "lab.machine() shows it"),
        ("3", "a whole number"),
    ],
    "check_releasing": [
        (RELEASING | {"count_primes"}, "needs the GIL"),
        ({"read_file", "sha256", "zlib"}, "missing"),
        ({"sha265"}, "give a set of names out of these: count_primes, "),
        ("sha256", "give a set of names out of these"),
        ([["sha256"]], "TypeError"),
    ],
    "check_waits": [
        (lambda n, wait_s, threads, cpus: n / cpus * wait_s, "100 threads wait at the same time"),
        (lambda n, wait_s, threads, cpus: 1, "four threads wait 50 times each"),
        (lambda n, wait_s, threads, cpus: n / threads * wait_s * (1 if cpus > 1 else 100), "one CPU is enough"),
    ],
    "check_sees_settings": [
        ({"threads"}, "missing"),
        ({"threads", "fork", "spawn"}, "imports the module again"),
        ({"thread"}, "give a set of names out of these: threads, spawn, "),
    ],
    "check_together": [
        (lambda kind, gil: True, "two threads of pure Python take turns"),
        (lambda kind, gil: not gil, "a GIL of its own"),
        (lambda kind, gil: kind == "processes", "without a GIL no thread"),
    ],
    "check_import_time": [
        (lambda s, w, c: s * w, "import at the same time"),
        (lambda s, w, c: s, "only two imports"),
        (lambda s, w, c: s * w / c, "one import uses one CPU"),
        (lambda s, w, c: s / (w - c), "(0.5, 4, 4) raised ZeroDivisionError"),
        (lambda s, w, c: str(imported(s, w, c)), "TypeError"),
        (lambda s, w, c: True, "import at the same time"),
        (lambda s, w, c: None if c == 8 else imported(s, w, c), "one import uses one CPU"),
    ],
    "check_ceiling": [
        (lambda serial: 2, "a twentieth of its time"),
        (lambda serial: serial, "less than half of its time"),
        (lambda serial: 1 / serial + (serial == 1), "never faster than 1×"),
    ],
    "check_stays_shared": [
        ({"bytes", "list of ints"}, "refers to other objects"),
        ({"bytes"}, "missing"),
        ({"bytearray"}, "give a set of names out of these: list of ints, "),
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
        ({"slep"}, "give a set of names out of these: sleep, "),
    ],
    "check_messages": [
        (lambda items, chunksize, message_us: items * message_us, "a second has a million"),
        (lambda items, chunksize, message_us: items * message_us / 1e6, "there are 500 messages"),
        (lambda items, chunksize, message_us: items / chunksize * 1e-4, "use all three parameters"),
        (lambda items, chunksize, message_us: None, "a second has a million"),
    ],
    "check_can_lose": [
        (lambda call, gil, cpus: cpus > 1, "threads can switch during the call"),
        (lambda call, gil, cpus: True, "inside plain count += 1"),
        (lambda call, gil, cpus: call and gil, "without a GIL"),
    ],
    "check_survive": [
        (not_caught, "not_caught(square_or_crash, -1) raised BrokenProcessPool: "),
        (lambda function, item: function(item), "own process"),
        (lambda function, item: None, "2 crashes nothing"),
        (lambda function, item: 4, "return None for it"),
    ],
    "check_chooses": [
        (CHOSEN | {"sudokus": "threads"}, "an interpreter, and a GIL, for each CPU"),
        (CHOSEN | {"weather": "serial"}, "waits overlap"),
        (CHOSEN | {"checksums": "processes"}, "releases the GIL"),
        (CHOSEN | {"sums": "threads"}, "before any worker"),
        (CHOSEN | {"sums": "fast"}, "choose among serial, threads and processes"),
        (CHOSEN | {"others": "serial"}, "a dictionary with the four jobs"),
        ("threads", "a dictionary with the four jobs"),
        (CHOSEN | {"sums": ["serial"]}, "TypeError"),
    ],
}
OF_FUNCTIONS = [
    "check_waits",
    "check_import_time",
    "check_together",
    "check_messages",
    "check_can_lose",
    "check_survive",
]


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
            ("waits", "raised TypeError: 'str' object is not callable"),
            (None, "raised TypeError: 'NoneType' object is not callable"),
        ):
            assert reason in says(name, answer), (name, reason)


def test_on_other_machines(three_of_eight_cpus):
    """Where all CPUs may be used, or there is no GIL, the right answers are those of that machine."""
    three_of_eight_cpus["usable_cpus"] = 8
    assert says("check_usable_cpus", 8) == "✓ Right." and says("check_usable_cpus", 4).startswith("✗")
    three_of_eight_cpus["gil"] = False
    assert says("check_releasing", RELEASING | {"count_primes"}) == "✓ Right."
    assert "missing" in says("check_releasing", RELEASING)
