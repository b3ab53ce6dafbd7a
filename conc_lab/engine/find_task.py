"""A task by its name: one of conc_lab's, one that the student wrote with `%%task`, or "module:function".

A student's task is a module file in my_work/tasks, next to the notebook. Its first line stands for the magic's, so that
its lines have the numbers that JupyterLab shows; its name ends in a hash of the content, because a worker that found
the same name after an edit could run the old bytecode.
"""

import ast
import contextlib
import importlib
import inspect
import re
import sys
from functools import partial
from pathlib import Path

from .errors import LabError
from .tasks import OWN, TASKS, Task

FOLDER = Path("my_work/tasks")
OF_MODULE = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")
FILE = re.compile(r"([^\W\d]\w*)_[0-9a-f]{8}\.py")


def own_tasks() -> dict[str, Path]:
    """The file of each of the student's tasks, by the task's name: the version that was written last."""
    paths = sorted(FOLDER.glob("*.py"), key=lambda path: path.stat().st_mtime_ns)
    return {match[1]: path for path in paths if (match := FILE.fullmatch(path.name))}


def names() -> list[str]:
    """The names of all tasks, the student's own last."""
    return [*TASKS, *own_tasks()]


def source(name: str) -> str:
    """The cell of the student's task `name`, without the magic's line; raises LabError where there is none."""
    return _path(name).read_text(encoding="utf-8").partition("\n")[2]


def packages(cell: str) -> set[str]:
    """What a cell imports, in a function or not, that does not come with Python: such may bring NumPy along."""
    nodes = []
    with contextlib.suppress(SyntaxError):  # in an edit that cannot be run either
        nodes += ast.walk(ast.parse(cell))
    modules = {each.name for node in nodes if isinstance(node, ast.Import) for each in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names


def _path(name):
    if not (path := own_tasks().get(name)):
        raise LabError(f"there is no task {name!r} in {FOLDER.as_posix()}: run its %%task cell first")
    return path


def module_name(path: Path) -> str:
    """The module that a file in `FOLDER` is imported as."""
    return ".".join((*FOLDER.parts, path.stem))


def checked(name) -> str:
    """The name of a task that may be found; LabError for what is none.

    Whether "module:function" is there shows when the child imports it: a kernel imports no module of the student's.
    """
    if str(getattr(name, "__module__", "")).startswith(".".join(FOLDER.parts)):
        name = name.__name__  # a function that %%task defined
    if callable(name):
        raise LabError("workers can't find this function: begin its cell with %%task NAME and give task='NAME'")
    if not isinstance(name, str) or not (name in names() or OF_MODULE.fullmatch(name)):
        raise LabError(f"unknown task {name!r:.100}; one of: {', '.join(names())}")
    return name


def find(name: str, kinds=()) -> Task:
    """The task with its functions, in the child. Raises LabError where one of these kinds of worker cannot run it.

    A function of the student's own is called without arguments, or with what `function_item()` makes where its
    module has that; a coroutine is run by asyncio, or by a worker in a loop of its own.
    """
    task = TASKS.get(name) or _imported(name)
    if "asyncio" in kinds and task.coroutine is None:
        raise LabError(
            f"asyncio cannot run {name}, which is not a coroutine: choose threads or processes, or write an async def"
        )
    if "interpreters" in kinds and task.extension:
        raise LabError(f"interpreters cannot run {name}, because they cannot import {task.extension}: choose processes")
    return task


def _imported(name):
    module, _, function = (name if ":" in name else f"{module_name(_path(name))}:{name}").partition(":")
    try:
        home = importlib.import_module(module)
        make, function = getattr(home, f"{function}_item", None), getattr(home, function)
    except (ImportError, AttributeError, SyntaxError) as error:
        raise LabError(f"the task {name!r} cannot be imported: {error}") from error
    task = Task(name, OWN, "", function, lambda seconds: contextlib.nullcontext((make(),) if make else ()))
    is_coroutine = inspect.iscoroutinefunction(function)
    return task._replace(function=partial(_awaited, function), coroutine=function) if is_coroutine else task


def _awaited(coroutine, *args):
    import asyncio

    return asyncio.run(coroutine(*args))
