"""The student's own task: `%%task name` turns a cell into a module file that any worker can import.

What is kept where is in engine/find_task.py, which finds it again.
"""

import ast
import builtins
import hashlib
import inspect
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from ..engine import files, in_worker
from ..engine.errors import LabError
from ..engine.find_task import FOLDER, module_name
from ..engine.tasks import TASKS


def define(name: str, cell: str) -> Callable:
    """Keep the cell as the task `name` and return its function.

    Raises LabError, with the cell's line, for a cell that is not Python, fails when it is run, or does not define a
    function `name` that can be called without arguments. A run of the task then fails in the same way: an earlier
    version is not measured any more, though its file stays, as a run may still import it.
    """
    if not name.isidentifier():
        raise LabError(f"give the task the name of its function, as in %%task my_task; got {name!r}")
    if name in TASKS or hasattr(builtins, name):
        raise LabError(f"{'conc_lab' if name in TASKS else 'Python'} already has a {name!r}: choose another name")
    text = f"# %%task {name}\n{cell}"
    file = files.write(FOLDER / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}.py", text, "the task")
    os.utime(file, ns=(time.time_ns(), time.time_ns()))  # many file systems' own clock is coarse
    return _function(name, text, file)


def magic(line: str, cell: str) -> None:
    """`%%task name` in a notebook: keep the cell, define its function here, offer it in the panels."""
    from IPython import get_ipython

    name = line.strip()
    get_ipython().push({name: define(name, cell)})
    if panels := sys.modules.get("conc_lab.student.panel"):
        panels.offer_tasks()
    print(f"{name} is a task now: choose it in a panel, or give task={name!r} to an experiment.")


def _function(name, text, file: Path):
    """The function, from a module as a worker imports it; the lines of its tracebacks are those of the cell."""
    path = str(file.absolute())
    try:
        code = compile(tree := ast.parse(text, path), path, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise LabError(f"line {error.lineno} of this cell is not Python: {error.msg}") from None
    if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name for node in tree.body):
        raise LabError(f"this cell defines no function {name} for workers to call: add def {name}():")
    module = sys.modules[module_name(file)] = ModuleType(module_name(file))
    module.__file__ = path
    try:
        exec(code, vars(module))
    except (Exception, SystemExit) as error:
        line = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == path][-1]
        told = in_worker.failure(error.with_traceback(error.__traceback__.tb_next))
        raise LabError(f"line {line} of this cell raised {told.type}: {told.message}", told.traceback) from None
    function = getattr(module, name)
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise LabError(f"workers call {name}() without arguments: give each parameter a default ({error})") from None
    return function
