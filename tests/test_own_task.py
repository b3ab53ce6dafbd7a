"""conc_lab.student.own_task: a cell with `%%task` becomes a task that every kind of worker can run."""

import os
import pickle
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import helpers
import pytest

from conc_lab import __main__
from conc_lab.engine import find_task, kinds, parameters
from conc_lab.engine.errors import LabError
from conc_lab.student import own_task

DIGITS = """
import math


def digits(number=300):
    return sum(map(int, str(math.factorial(number))))
"""
NAP = "import asyncio\n\nasync def nap(seconds=0.001):\n    await asyncio.sleep(seconds)\n    return seconds\n"
IN_WORKER = """\
import multiprocessing

def digits():
    if multiprocessing.parent_process():
        raise ValueError({what!r})
"""
KERNEL_S = 120  # these notebooks take about 5 s here


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The notebook's folder, which is empty, and from which a notebook imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def refused(cell, name="digits"):
    """The one sentence that refuses the cell."""
    with pytest.raises(LabError) as caught:
        own_task.define(name, cell)
    assert "\n" not in str(caught.value)
    return caught.value


def failure(**params):
    """The error of a small run of the task digits."""
    with pytest.raises(LabError) as caught:
        helpers.small(task="digits", **params)
    return caught.value


def test_every_kind_of_worker_runs_it():
    """Threads, spawned processes and subinterpreters find the function and agree with serial."""
    own_task.define("digits", DIGITS)
    chosen = kinds.here(("threads", "spawn", "interpreters"))
    rows = helpers.small(task="digits", kinds=chosen).rows
    assert {row["kind"] for row in rows} == {"serial", *chosen} and all(row["results_equal"] for row in rows)


def test_a_coroutine():
    """A task that is an async def runs on one event loop, or in a loop of each worker's own."""
    own_task.define("nap", NAP)
    rows = helpers.small(task="nap", kinds=["asyncio", "threads", "spawn"]).rows
    assert {row["kind"] for row in rows} == {"serial", "asyncio", "threads", "spawn"}


def test_asyncio_refuses_a_plain_function():
    """A task that is no coroutine does not go with asyncio, and the sentence says what would."""
    own_task.define("digits", DIGITS)
    assert "write an async def" in str(failure(kinds=["asyncio"]))


def test_the_module_is_the_same_here_and_in_a_worker():
    """The function that the cell defines here is pickled by the name that a worker imports."""
    function = own_task.define("digits", DIGITS)
    assert function(4) == 6 and pickle.loads(pickle.dumps(function)) is function
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read())(4))"
    printed = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(function), capture_output=True, timeout=60
    )
    assert (printed.stdout, printed.stderr) == (b"6\n", b"")


def test_a_quick_edit_runs_the_new_code(monkeypatch):
    """After an edit that changes neither the size nor the second, a worker runs the new code, and the old again."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    second_ns = int(time.time()) * 10**9
    for number, what in enumerate(("one", "two", "one")):
        own_task.define("digits", IN_WORKER.format(what=what))
        os.utime(find_task.own_tasks()["digits"], ns=(0, second_ns + number))
        error = failure(kinds=["spawn"])
        assert str(error) == f"the task digits raised ValueError: {what}"
    assert list(find_task.FOLDER.glob("__pycache__/digits_*"))  # else nothing stale could have been run


def test_the_last_version_counts():
    """Versions that are written without a pause are told apart."""
    for what in "abcab":
        own_task.define("digits", IN_WORKER.format(what=what))
        assert find_task.source("digits") == IN_WORKER.format(what=what)
    assert len(list(find_task.FOLDER.iterdir())) == 3


def test_names_that_the_cell_does_not_define():
    """Whoever uses a name that only the notebook knows is told so: when the cell is run, or its function is."""
    cure = "name 'np' is not defined; a worker only knows what the task's own cell or module defines and imports"
    cure += ": put it there"
    assert str(refused("def digits(n=np.pi):\n    return n")) == f"line 2 of this cell raised NameError: {cure}"
    own_task.define("digits", "def digits():\n    return np.pi")
    assert str(failure(kinds=["spawn"])) == f"the task digits raised NameError: {cure}"


KNOWN = '''\
"""A cell."""
from __future__ import annotations
import os.path, math as m
from functools import cache

LIMIT: int = 10
first, *rest = range(3)
for index in rest:
    pass
with open(os.devnull) as file:
    lines = [line for line in file if (size := len(line))]
size = 3
try:
    LIMIT / 0
except ZeroDivisionError as error:
    text = str(error)

class A(Exception):
    b = 1
    c = b + 1
    def d(self):
        return super().__str__(), __class__, __name__, __file__, __doc__

@cache
def helper(n):
    global made
    made = [lambda x: x + n + index for _ in range(n)]
    def inner():
        nonlocal n
        n += 1
        return n, later()
    match n:
        case [one, *two] | {"a": one, **two}:
            return one, two
    return inner(), made, made_in_helper()

def made_in_helper():
    return made, LIMIT, first, text, A, m.pi

def later():
    return __debug__, NotImplemented, size

def digits(*numbers: int, **options):
    import json
    return json.dumps([number for number in numbers]) and helper(2) and 1
'''


def test_names_that_the_cell_defines():
    """Whatever way of defining a name the cell uses, the function works."""
    assert own_task.define("digits", KNOWN)() == 1
    assert own_task.define("digits", "from math import *\ndef digits():\n    return sqrt(4)")() == 2


def test_a_cell_that_cannot_be_a_task():
    """What keeps a cell from being a task is said in a sentence with the line as JupyterLab numbers it."""
    for cell, sentence in (
        ("\ndef digits():\n    retrun 1", "line 4 of this cell is not Python: "),
        ("def digits():\n    return 1\nreturn 2", "line 4 of this cell is not Python: 'return' outside function"),
        ("!ls\ndef digits():\n    return 1", "line 2 of this cell is not Python: "),
        ("", "this cell defines no function digits"),
        ("digits = 3", "this cell defines no function digits"),
        ("def digits(number):\n    return 1", "workers call digits() without arguments: give each parameter a default"),
    ):
        assert str(refused(cell)).startswith(sentence), cell


def test_a_cell_that_raises():
    """A cell that fails when it is run is refused with the line that raised, which the detail shows."""
    for cell, sentence, line in (
        ("def digits():\n    return 1\nint('x')", "line 4 of this cell raised ValueError: invalid literal", "int('x')"),
        ("def digits():\n    1 / 0\n\ndigits()", "line 3 of this cell raised ZeroDivisionError: division", "1 / 0"),
        ("import sys\nsys.exit(3)\ndef digits():\n    pass", "line 3 of this cell raised SystemExit: 3", "sys.exit(3)"),
    ):
        error = refused(cell)
        assert str(error).startswith(sentence), cell
        assert line in error.detail and "own_task.py" not in error.detail, cell


def test_a_cell_that_raises_a_long_text():
    """What a cell's error says is cut, as a task's is."""
    error = refused("def digits():\n    return 1\nraise ValueError('x' * 10_000_000)")
    assert len(str(error)) < 1_000 and len(error.detail) < 100_000


def test_a_module_that_is_not_there():
    """A package that is missing is one to install, a part that a package lacks is not."""
    for module, cure in (("no_such.part", "; install it with %pip install no_such"), ("json.no_such", "")):
        sentence = str(refused(f"import {module}\ndef digits():\n    return 1"))
        assert sentence.endswith(cure) and ("%pip" in sentence) == bool(cure), module


def test_a_name_that_no_function_can_have(folder):
    """The task's name must be one for a function, and nothing is written for another."""
    for name in ("", "two words", "../escape"):
        sentence = str(refused(DIGITS, name))
        assert "%%task my_task" in sentence and repr(name) in sentence, name
    assert list(folder.iterdir()) == []


def test_a_name_that_is_taken():
    """A task of conc_lab's, or a builtin, cannot be replaced by a cell."""
    for name, whose in (("sleep", "conc_lab"), ("sum", "Python"), ("Exception", "Python")):
        sentence = str(refused(f"def {name}():\n    return 1", name))
        assert sentence == f"{whose} already has a {name!r}: choose another name"
    assert find_task.own_tasks() == {}


def test_the_magic_defines_the_function(monkeypatch):
    """`%%task` gives the notebook the function, and after an edit the new one."""
    import IPython

    names = {}
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(push=names.update))
    for number in (1, 2):
        own_task.magic("digits", f"def digits():\n    return {number}")
        assert names["digits"]() == number


def test_an_edit_that_is_refused():
    """After an edit that does not work no version is measured, until a cell is accepted."""
    own_task.define("digits", DIGITS)
    for cell, sentence in (
        (DIGITS + "\n1 / 0", "the experiment failed with ZeroDivisionError: division by zero"),
        ("def digits():\n    retrun 1", "the task 'digits' cannot be imported: invalid syntax"),
    ):
        with pytest.raises(LabError):
            own_task.define("digits", cell)
        assert str(failure()).startswith(sentence) and find_task.packages(cell) == set()
        own_task.define("digits", DIGITS)
        assert find_task.source("digits") == DIGITS and helpers.small(task="digits").rows


def test_an_error_points_at_the_line_of_the_cell():
    """The traceback of a task that fails in a run shows the line of the cell, by number and by text."""
    own_task.define("digits", "\ndef digits():\n    first = 1\n    return first / 0  # here\n")
    for kind in ("threads", "processes"):
        error = failure(kinds=[kind])
        assert str(error) == "the task digits raised ZeroDivisionError: division by zero", kind
        assert re.search(r'tasks/digits_\w+\.py", line 5, in digits\n +return first / 0  # here', error.detail), kind


def test_a_folder_that_cannot_be_written(folder):
    """Where the file cannot be written, the cell says so in one sentence."""
    (folder / "my_work").write_text("a file where the folder should be")
    assert str(refused(DIGITS)).startswith("the task could not be written to my_work/tasks/digits")


def test_the_function_itself_is_given():
    """The function that the cell defined is accepted in place of its name, by whose last version it is measured."""
    function = own_task.define("digits", DIGITS)
    own_task.define("digits", IN_WORKER.format(what="one"))
    assert parameters.TaskName("").check("task", function) == "digits"


def test_a_task_that_is_gone():
    """A task whose file was removed is refused with what to do."""
    own_task.define("digits", DIGITS)
    find_task.own_tasks()["digits"].unlink()
    assert str(failure()).startswith("unknown task 'digits'; one of: ")
    with pytest.raises(LabError, match="no task 'digits' in my_work/tasks: run its %%task cell first"):
        find_task.find("digits")


def test_the_command_line_finds_it(capsys):
    """The command line runs a task of the folder that it is started in."""
    own_task.define("digits", DIGITS)
    assert __main__.main(["speedup", "--task", "digits", "--workers", "2", "--rounds", "1"]) == 0
    printed = capsys.readouterr()
    assert "2 processes" in printed.out and printed.err == ""


def in_kernel(folder, *cells):
    """What the cells print in a kernel of their own, whose notebook lies in the folder."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=KERNEL_S, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    return "".join(output.text for output in outputs if output.output_type == "stream")


BY_HAND = """\
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
    print(list(pool.map(digits, [3, 4])))"""
MEASURED = "print(len(lab.speedup(task='digits', kinds='spawn', rounds=1).rows) > 3)"
HEAVY = {"conc_lab.student.own_task", "conc_lab.student.panel", "pandas", "matplotlib"}
LIGHT = f"import sys; print({HEAVY} & set(sys.modules))"


@pytest.mark.slow
def test_in_a_notebook_and_after_a_restart(folder):
    """`%%task` comes with the import; its function can be called, mapped by a pool, and measured after a restart."""
    printed = in_kernel(
        folder, "import conc_lab as lab", LIGHT, f"%%task digits\n{DIGITS}", "print(digits(5))", BY_HAND
    )
    assert printed.splitlines() == [
        "set()",
        "digits is a task now: choose it in a panel, or give task='digits' to an experiment.",
        "3",
        "[6, 6]",
    ]
    assert in_kernel(folder, "import conc_lab as lab", MEASURED) == "True\n"


def test_outside_a_notebook():
    """Importing the package outside IPython imports neither IPython nor anything that a bare worker lacks."""
    heavy = {"IPython", "conc_lab.student.own_task", "conc_lab.engine.errors", "numpy"}
    code = f"import sys, conc_lab; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path = {sys.path!r}; {code}"],
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert (done.stdout, done.stderr) == ("set()\n", "")
