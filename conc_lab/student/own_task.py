"""The student's own task: `%%task name` turns a cell into a module file that any worker can import.

What is kept where is in engine/find_task.py, which finds it again.
"""

import ast
import builtins
import hashlib
import inspect
import keyword
import linecache
import os
import symtable
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from ..engine import files
from ..engine.errors import LabError
from ..engine.find_task import FILE, FOLDER, module_name, refused
from ..engine.tasks import TASKS

KEPT_S = 24 * 3600  # workers of a run, or of a pool of the student's, may still import the version they began with
KNOWN = set(dir(builtins)) - {"display", "get_ipython"} | {"__file__", "__builtins__", "__annotations__"}


def define(name: str, cell: str) -> Callable:
    """Keep the cell as the task `name` and return its function.

    Raises LabError, with the cell's line, for a cell that is not Python, uses what it does not define, fails when
    it is run, or does not define a function `name` that can be called without arguments. An earlier version is then
    not measured any more, until a cell is accepted.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise LabError(f"name the task as its function is named, as in %%task my_task; got {name!r}")
    if name in TASKS or hasattr(builtins, name):
        raise LabError(f"{name!r} is one of {'conc_lab' if name in TASKS else 'Python'}'s own: choose another name")
    text = f"# %%task {name}\n{cell}"
    file = FOLDER / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}.py"
    written_ns = {path: path.stat().st_mtime_ns for path in FOLDER.glob("*.py") if FILE.sub(r"\1", path.name) == name}
    try:
        function = _function(_checked(name, text, str(file.absolute())), name, text, file)
    except LabError as error:
        if written_ns:
            files.write(refused(name), f"{error}\n", "the note on this task")
        raise
    now_ns = time.time_ns()
    written_ns.pop(file, None)
    files.write(file, text, "the task")
    newest_ns = max(now_ns, 2 * 10**9 + max(written_ns.values(), default=0))  # some file systems count in steps of 2 s
    os.utime(file, ns=(newest_ns, newest_ns))
    refused(name).unlink(missing_ok=True)
    for path, each_ns in written_ns.items():
        if now_ns - each_ns > KEPT_S * 10**9:
            path.unlink()
    return function


def magic(line: str, cell: str) -> None:
    """`%%task name` in a notebook: keep the cell, define its function here, offer it in the panels."""
    from IPython import get_ipython

    name, names = line.strip(), get_ipython().user_ns
    ours = "__main__", ".".join(FOLDER.parts)  # a function of the notebook's own may become a task
    if name in names and not (callable(names[name]) and str(getattr(names[name], "__module__", "")).startswith(ours)):
        raise LabError(f"{name!r} is something else in this notebook already: choose another name for the task")
    get_ipython().push({name: define(name, cell)})
    if panels := sys.modules.get("conc_lab.student.panel"):
        panels.offer_tasks()
    print(f"{name} is a task now: choose it in a panel, or give task={name!r} to an experiment.")


def _checked(name, text, file):
    """The code of the cell, if it can be a module that defines the task."""
    try:
        tree = ast.parse(text, file)
        code = compile(tree, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise LabError(f"line {line} of this cell is not Python: {error.args[0]}") from None
    if not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name for node in tree.body):
        raise LabError(f"this cell defines no function {name}, which is what workers call: add def {name}():")
    if unknown := _unknown(text, tree):
        uses = " and ".join(f"line {line} uses {used}" for line, used in unknown)
        raise LabError(f"{uses}, which this cell does not define: workers know nothing else, so define it in the cell")
    return code


def _unknown(text, tree):
    """[(the line of its first use, name)] of what the cell uses and neither it nor Python defines."""
    scopes, used, known = [symtable.symtable(text, "cell", "exec")], set(), set(KNOWN)
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return []
    for scope in scopes:
        scopes += scope.get_children()
        for symbol in scope.get_symbols():
            made = symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
            if (scope is scopes[0] or symbol.is_declared_global()) and made:
                known.add(symbol.get_name())
            elif symbol.is_referenced() and (scope is scopes[0] or symbol.is_global()):
                used.add(symbol.get_name())
    loaded = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
    lines = sorted(((node.lineno, node.id) for node in loaded if node.id in used - known), reverse=True)
    return sorted((line, name) for name, line in {name: line for line, name in lines}.items())


def _function(code, name, text, file: Path):
    """The function, from a module as a worker imports it; the lines of its tracebacks are those of the cell."""
    module = sys.modules[module_name(file)] = ModuleType(module_name(file))
    module.__file__ = code.co_filename
    linecache.cache[code.co_filename] = (len(text), None, text.splitlines(keepends=True), code.co_filename)
    try:
        exec(code, vars(module))
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = [frame.lineno for frame in frames if frame.filename == module.__file__][-1]
        detail = "".join(traceback.format_exception(error.with_traceback(error.__traceback__.tb_next)))
        package = isinstance(error, ModuleNotFoundError) and (error.name or "").isidentifier()  # and no part of one
        cure = f"; install it with %pip install {error.name}" if package else ""
        raise LabError(f"line {line} of this cell raised {type(error).__name__}: {error}{cure}", detail) from None
    function = getattr(module, name)
    try:
        inspect.signature(function).bind()
    except TypeError as error:
        raise LabError(f"workers call {name}(): give each of its parameters a default ({error})") from None
    return function
