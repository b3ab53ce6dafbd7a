"""conc_lab.student.export: the script that a student takes home runs by itself, without any package."""

import ast
import dataclasses
import itertools
import re
import subprocess
import sys

import pytest
from made.advise import made

import conc_lab as lab
from conc_lab.engine import find_task, kinds
from conc_lab.engine.errors import LabError
from conc_lab.student import export, own_task

DIGITS = """\
from __future__ import annotations

import math


def digits(number: int = 50) -> int:
    return sum(map(int, str(math.factorial(number))))
"""
NAP = "import asyncio\n\nasync def nap(seconds=0.01):\n    await asyncio.sleep(seconds)\n    return seconds\n"
BARE_S = 60  # a spawned worker without packages takes 0.1 s to start here
RESULTS = re.compile(r"(\d+) results in \d+\.\d{3} s; the first: (.*)")
ESTIMATED = "of such calls would take about"
PLAIN = re.compile(r"a plain loop (took|of such calls would take about) \d+\.\d{3} s, \d+\.\d\d times as long")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The notebook's folder, with two tasks."""
    monkeypatch.chdir(tmp_path)
    own_task.define("digits", DIGITS)
    own_task.define("nap", NAP)
    return tmp_path


@pytest.fixture
def bare(tmp_path_factory):
    """Runs a script where there is nothing: no package, no variable, no file; (exit status, stdout, stderr)."""
    empty = tmp_path_factory.mktemp("empty")

    def run(path, *words):
        command = [sys.executable, "-I", "-S", str(path.absolute()), *words]
        done = subprocess.run(command, cwd=empty, env={}, capture_output=True, timeout=BARE_S)
        assert list(empty.iterdir()) == []
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run


def refused(*arguments, **named):
    """The one sentence that refuses the export, which then writes nothing."""
    with pytest.raises(LabError) as caught:
        lab.export(*arguments, **named)
    assert not list(find_task.FOLDER.parent.glob("*.py"))
    return str(caught.value)


def ran(done, calls, first, plain=ESTIMATED):
    """Checks that a bare run told how far it was, then how many results there are and the first of them, and what a
    plain loop takes, which is left out in a script that is one.
    """
    status, printed, told = done
    assert status == 0, told
    results, *loop = printed.strip().splitlines()
    assert RESULTS.fullmatch(results).groups() == (str(calls), repr(first))
    assert [PLAIN.fullmatch(line)[1] for line in loop] == [plain] * bool(plain)
    assert told.startswith("\r1 of ") and told.endswith(f"\r{calls} of {calls} done")


@pytest.mark.parametrize(
    ("kind", "items", "calls", "first"),
    [
        ("serial", 3, 3, 216),
        ("threads", [7, 5], 2, 9),
        ("processes", range(5, 40), 35, 3),
        ("spawn", [7, 5], 2, 9),
        ("interpreters", [7, 5], 2, 9),
    ],
)
def test_it_runs_where_there_is_nothing(bare, kind, items, calls, first):
    """A script of each kind, for a number of calls or for values, runs in a bare Python and tells how far it is."""
    if problem := kinds.unavailable(kind):
        pytest.skip(problem)
    ran(bare(lab.export("digits", kind, items, workers=2)), calls, first, kind != "serial" and ESTIMATED)


def test_a_coroutine_runs_where_there_is_nothing(bare):
    """An async def is awaited by asyncio, for a number of calls or for values, and by any other kind in a loop each."""
    ran(bare(lab.export("nap", "asyncio", 3)), 3, 0.01)
    for kind in ("asyncio", "threads", "processes"):
        ran(bare(lab.export("nap", kind, (0.02, 0.01))), 2, 0.02)
    ran(bare(lab.export("nap", "serial", 2)), 2, 0.01, plain=None)


def test_only_so_many_waits_at_the_same_time(bare):
    """No more than the given number of calls are under way at a time under asyncio."""
    cell = "import asyncio\nnow = []\nasync def most():\n    now.append(1)\n    await asyncio.sleep(0.01)\n"
    own_task.define("most", cell + "    under_way = len(now)\n    now.pop()\n    return under_way\n")
    ran(bare(lab.export("most", "asyncio", 7, workers=3)), 7, 3)


def test_names_of_the_cell_stay_its_own(bare):
    """What the script imports and defines replaces nothing that the cell defines under the same name."""
    names = ("sys", "time", "concurrent", "multiprocessing", "main", "items", "workers", "results", "start", "pool")
    own_task.define("taken", f"{' = '.join(names)} = 'mine'\n\ndef taken():\n    return {' + '.join(names)}\n")
    for kind in ("threads", "processes"):
        ran(bare(lab.export("taken", kind, 2, workers=2)), 2, "mine" * len(names))


def test_names_of_the_cell_replace_none_of_the_script(bare):
    """What the cell defines under a name that the script uses itself changes nothing, there or here."""
    before = "def call(item):\n    return 'mi'\n\ndef run():\n    return call(0) + 'ne'"
    own_task.define("mine", f"{before}\n\ndef mine():\n    return run()\n")
    for kind in ("serial", "processes"):
        ran(
            bare(lab.export("mine", kind, 3, workers=2)),
            3,
            "mine",
            kind != "serial" and ESTIMATED,
        )


def test_a_task_of_any_name(bare):
    """A task may have a name that the script would use itself, in calls with a value and without."""
    for name in ("item", "limit", "results"):
        own_task.define(name, f"def {name}(number=7):\n    return number\n")
        ran(bare(lab.export(name, "threads", 2, workers=2)), 2, 7)
        ran(bare(lab.export(name, "serial", [5, 6])), 2, 5, None)
        own_task.define(name, f"async def {name}(number=7):\n    return number\n")
        ran(bare(lab.export(name, "asyncio", [5, 6])), 2, 5)


def test_a_call_that_fails(bare):
    """The error of a call ends the script with its traceback and a status that is not 0."""
    own_task.define("inverse", "def inverse(number=1):\n    return 1 / number\n")
    for kind in ("serial", "processes"):
        status, printed, told = bare(lab.export("inverse", kind, [1, 0, 2], workers=2))
        assert status == 1 and RESULTS.search(printed) is None and "ZeroDivisionError" in told, kind


def test_what_is_written():
    """The script holds the cell as it is, a guard, valid Python and no word of conc_lab, and says where it lies."""
    for kind in export.KINDS:
        name, cell = ("nap", NAP) if kind == "asyncio" else ("digits", DIGITS)
        path = lab.export(name, kind, 4)
        text = path.read_text(encoding="utf-8")
        assert path.as_posix() == f"my_work/{name}_{kind}.py"
        assert cell in text and '\nif __name__ == "__main__":\n' in text, kind
        assert "conc_lab" not in text and f"python {path.name}" in text.splitlines()[0], kind
        method = kinds.start_methods()[0] if kind == "processes" else kind
        assert re.findall(r'get_context\("(\w+)"\)', text) == [method] * (method in kinds.START_METHODS), kind
        ast.parse(text)


def test_the_number_of_workers(monkeypatch):
    """By default there are as many workers as usable CPUs, for asyncio 64 calls at a time, and not more than items."""
    monkeypatch.setattr(export, "machine", lambda: {"usable_cpus": 6})
    for words, number in (
        (("digits", "threads", 100), 6),
        (("digits", "threads", 5), 5),
        (("nap", "asyncio", 100), 64),
    ):
        assert f"\n    workers = {number}\n" in lab.export(*words).read_text()
    assert "\n    workers = 3\n" in lab.export("digits", "threads", 100, workers=3).read_text()
    assert "workers =" not in lab.export("digits", "serial", 100).read_text()


def test_compare(bare):
    """Before the clock runs two calls tell what a plain loop takes, and with --compare all of them."""
    count = "calls.append(1)\n    return len(calls)\n"
    for kind, define in (("threads", "def"), ("asyncio", "async def")):
        own_task.define("counted", f"calls = []\n{define} counted():\n    {count}")
        path = lab.export("counted", kind, 3, workers=1)
        ran(bare(path), 3, 3)
        ran(bare(path, "--compare"), 3, 4, "took")
        ran(bare(lab.export("counted", kind, 1)), 1, 2)


def test_numpy_gets_one_thread(bare):
    """Where a cell imports a package, the variables that BLAS reads are set before that, and else nowhere."""
    cell = "import os\ntry:\n    import numpy.linalg\nexcept ImportError:\n    pass\n"
    cell += "seen = os.environ.get('OPENBLAS_NUM_THREADS')\ndef blas():\n    return seen\n"
    own_task.define("blas", cell)
    ran(bare(lab.export("blas", "threads", 2)), 2, "1")
    assert "environ" not in lab.export("digits", "threads", 2).read_text()


def test_what_was_advised():
    """With an advice in place of a kind, the script has the kind, workers and chunksize for its own number of items."""
    variants = {("threads", 2): (1.0, 1), ("processes", 3): (1.9, 40, {"cpu_ms": 10.0, "chunk": 9})}
    advice = dataclasses.replace(made(variants), processes="fork")
    advice.params["task"] = "digits"
    text = lab.export("digits", advice, 1000).read_text()
    assert 'ProcessPoolExecutor(workers, get_context("fork"))' in text and "\n    workers = 3\n" in text
    assert "chunksize=9)" in text and "chunksize=2)" in lab.export("digits", advice, 100).read_text()
    assert "\n    workers = 5\n" in lab.export("digits", advice, 1000, workers=5).read_text()
    assert lab.export("digits", advice, 4).name == "digits_serial.py"
    with pytest.raises(
        LabError, match=r"this is not advice on nap: give what lab.advise\('nap', …\) returned, or a kind"
    ):
        lab.export("nap", advice, 4)


def test_another_path(folder):
    """A path is made where it is wanted; a script that was changed since is kept, and the new one gets a number."""
    path, second = folder / "new folder/häufig.py", folder / "new folder/häufig_2.py"
    for _ in range(2):
        assert lab.export("digits", "serial", 2, path=str(path)) == path
    assert "range(0, 2)" in path.read_text(encoding="utf-8") and "python häufig.py" in path.read_text(encoding="utf-8")
    path.write_bytes(b"\xff changed")
    for _ in range(2):
        assert lab.export("digits", "serial", 2, path=str(path)) == second
    assert path.read_bytes() == b"\xff changed" and "python häufig_2.py" in second.read_text(encoding="utf-8")
    assert lab.export("digits", "serial", 3, path=str(path)).name == "häufig_3.py"


def test_bad_items():
    """Items of which a script cannot be written, or that are none, are refused."""
    for items in (0, True, [], [object()], [float("nan")], range(0), 2.5, None, itertools.repeat(1), [1] * 100_001):
        assert refused("digits", "serial", items).startswith("items must be "), items


def test_what_cannot_be_exported():
    """What cannot be run as asked is refused in one sentence that says what can."""
    own_task.define("bare", "def bare():\n    return 1\n")
    for cell in ("def broken()\n", "x = 1\n"):
        with pytest.raises(LabError):
            own_task.define("broken", cell)
        sentence = "the last %%task broken cell defines no broken: run the corrected cell first"
        assert refused("broken", "serial", 1) == sentence, cell
    for arguments, named, sentence in (
        (("sleep", "serial", 1), {}, "there is no task 'sleep' in my_work/tasks"),
        (("digits", "thread", 1), {}, "unknown kind 'thread'; one of: serial, threads, "),
        (("digits", "threads", 1), {"workers": 0}, "workers must be a whole number between 1 and 256, got 0"),
        (("digits", "asyncio", 1), {}, "asyncio cannot run digits, which is a plain def: asyncio needs an async def"),
        (("bare", "threads", [1]), {}, "bare() takes no argument: give items as a number"),
        (("digits", "serial", 1), {"path": "my_work"}, "the script could not be written to my_work: "),
    ):
        assert refused(*arguments, **named).startswith(sentence), sentence
