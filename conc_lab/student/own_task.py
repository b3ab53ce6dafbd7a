"""The student's own task: `%%task name` turns a cell into a module file that any worker can import.

The file lies in my_work/tasks, beside the notebook. Its first line stands for the magic's, so that its lines have
the numbers that JupyterLab shows. Its name ends in a hash of the content: a worker that found the same name after an
edit could run the old bytecode, which Python tells from the new only by the source's size and its time in seconds.
"""

import ast
import builtins
import dis
import hashlib
import inspect
import keyword
import linecache
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType

from ..engine import tasks
from ..engine.errors import LabError

FOLDER = Path("my_work/tasks")
FILE = re.compile(r"([^\W\d]\w*)_[0-9a-f]{8}\.py")
KEPT_S = 24 * 3600  # workers of a run, or of a pool of the student's, may still import the version they began with
MODULE_NAMES = {"__file__", "__builtins__", "__annotations__"}
OF_NOTEBOOKS = {"display", "get_ipython"}  # IPython adds these to the builtins of its own process


def kept() -> dict[str, Path]:
    """The file of each of the student's tasks, by the task's name: the version that was written last."""
    found = {}
    for path in sorted(FOLDER.glob("*.py"), key=_written_ns):
        if (name := _task(path)) and name not in tasks.TASKS:
            found[name] = path
    return dict(sorted(found.items()))


def path(name: str) -> Path:
    """The file of the student's task `name`; raises LabError where there is none."""
    if name not in kept():
        raise LabError(f"there is no task {name!r} in {FOLDER.as_posix()}: run its %%task cell first")
    return kept()[name]


def source(name: str) -> str:
    """The cell of the student's task `name`, without the magic's line."""
    return path(name).read_text(encoding="utf-8").partition("\n")[2]


def importable(name: str) -> str:
    """The "module:function" of the student's task `name`."""
    return f"{_module_name(path(name))}:{name}"


def define(name: str, cell: str) -> Callable:
    """Keep the cell as the task `name` and return its function.

    Raises LabError, with the cell's line, for a cell that is not Python, uses what it does not define, fails when
    it is run, or does not define a function `name` that can be called without arguments.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise LabError(f"name the task as its function is named, as in %%task my_task; got {name!r}")
    if name in tasks.TASKS:
        raise LabError(f"{name!r} is one of conc_lab's tasks: choose another name")
    text = f"# %%task {name}\n{cell}"
    if odd := re.search("[\0\ud800-\udfff]", text):
        what = "a null byte" if odd[0] == "\0" else f"half a character ({odd[0]!r})"
        line = text.count("\n", 0, odd.start()) + 1
        raise LabError(f"line {line} of this cell has {what}, which no Python file can hold: delete it")
    file = FOLDER / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}.py"
    function = _run(_checked(name, text, str(file.absolute())), name, text, file)
    try:
        FOLDER.mkdir(parents=True, exist_ok=True)
        others = [other for other in FOLDER.glob(f"{name}_*.py") if _task(other) == name and other != file]
        now_ns = time.time_ns()
        # Some file systems count in steps of 2 s: of two cells that are run at once, the later must be newer.
        newest_ns = max([now_ns, *(_written_ns(other) + 2 * 10**9 for other in others)])
        file.write_text(text, encoding="utf-8")
        os.utime(file, ns=(newest_ns, newest_ns))
        for other in others:
            if now_ns - _written_ns(other) > KEPT_S * 10**9:
                other.unlink()
    except OSError as error:
        raise LabError(f"the task could not be written to {FOLDER.as_posix()}: {error.strerror}") from error
    return function


def magic(line: str, cell: str) -> None:
    """`%%task name` in a notebook: keep the cell, define its function here, offer it in the panels."""
    from IPython import get_ipython

    name = line.strip()
    get_ipython().push({name: define(name, cell)})
    if panels := sys.modules.get(f"{__package__}.panels"):
        panels.offer_tasks()
    print(f"{name} is a task now: choose it in a panel, or give task={name!r} to an experiment.")


def _checked(name, text, file):
    """The code of the cell, if it can be a module that defines the task."""
    try:
        tree = ast.parse(text, file)
        code = compile(tree, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise LabError(f"line {error.lineno} of this cell is not Python: {error.msg}") from None
    if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name for node in tree.body):
        raise LabError(f"this cell defines no function {name}, which is what workers call: add def {name}():")
    stars = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    if unknown := {} if stars else _unknown(code):
        uses = " and ".join(f"line {line} uses {used}" for used, line in unknown.items())
        raise LabError(f"{uses}, which this cell does not define: workers know nothing else, so define it in the cell")
    return code


def _unknown(code):
    """The names that the code uses and neither it nor Python defines, each with the line of its first use."""
    scopes = [code]
    for scope in scopes:
        scopes.extend(item for item in scope.co_consts if isinstance(item, CodeType))
    steps = [(scope, step) for scope in scopes for step in dis.get_instructions(scope)]
    known = set(dir(builtins)) - OF_NOTEBOOKS | MODULE_NAMES
    known |= {step.argval for _, step in steps if step.opname == "STORE_GLOBAL"}
    stored = {(scope, step.argval) for scope, step in steps if step.opname == "STORE_NAME"}  # by the cell or a class
    loads = [
        (step.positions.lineno, scope, step.argval)
        for scope, step in steps
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")
    ]
    lines = {}
    for line, scope, name in sorted(loads, key=lambda load: load[0]):
        if name not in known and not {(code, name), (scope, name)} & stored:
            lines.setdefault(name, line)
    return lines


def _run(code, name, text, file):
    """The function, from a module as a worker imports it; the lines of its tracebacks are those of the cell."""
    module = sys.modules[_module_name(file)] = ModuleType(_module_name(file))
    module.__file__ = code.co_filename
    linecache.cache[code.co_filename] = (len(text), None, text.splitlines(keepends=True), code.co_filename)
    try:
        exec(code, vars(module))
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == module.__file__]
        detail = "".join(traceback.format_exception(error.with_traceback(error.__traceback__.tb_next)))
        raise LabError(f"line {lines[-1]} of this cell raised {type(error).__name__}: {error}", detail) from None
    function = getattr(module, name)
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise LabError(f"workers call {name}(): give each of its parameters a default ({error})") from None
    return function


def _task(file):
    match = FILE.fullmatch(file.name)
    return match and match[1]


def _module_name(file):
    return ".".join((*FOLDER.parts, file.stem))


def _written_ns(file):
    return file.stat().st_mtime_ns
