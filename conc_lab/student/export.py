"""The student's task to take home: a plain script with their cell, the executor and the guard, without conc_lab.

It does what `lab.advise` measured: the same start method, number of workers, chunksize and threads of NumPy.
"""

import ast
import contextlib
from collections.abc import Iterable
from itertools import count, islice
from pathlib import Path
from string import Template

from ..engine import files, find_task, kinds, parameters, pythons
from ..engine.errors import LabError
from ..engine.machine import machine
from ..engine.result import KEPT, Result
from ..engine.session import BLAS

KINDS = ("serial", "threads", "asyncio", "processes", *kinds.START_METHODS, "interpreters", "dask")
MOST = 100_000  # values that a script holds

EXECUTORS = {"threads": "ThreadPoolExecutor", "interpreters": "InterpreterPoolExecutor"}  # all others are processes


def export(task, kind: str | Result, items: int | Iterable, *, workers: int | None = None, path=None) -> Path:
    """Write a script that runs the student's task with workers of this kind, and return its path.

    kind: one of `KINDS`; "processes" are started as this Python does it by default. Or what `lab.advise` returned for
    this task: the kind, the number of workers and the chunksize are then those that it advises for so many items.
    items: the number of calls, or the values of which each call gets one; the script makes two more calls to time a
    plain loop, or with --compare as many again. workers: by default as many as there are usable CPUs, for asyncio 64
    calls at the same time; never more than items. path: by default my_work/TASK_KIND.py; a file that is there and says
    something else is kept, and the script's name gets a number. Raises LabError for what cannot be run in this way, or
    not be written.
    """
    name, values = parameters.TaskName("").check("task", task), _values(items)
    method, most, python, chunk = kinds.start_methods()[0], None, "python", "max(1, len(items) // (16 * workers))"
    if isinstance(kind, Result):
        python += pythons.name(kind.machine) * (kind.home != KEPT)
        method = kind.processes or method
        kind, most, chunk = _advised(kind, name, len(values))
    parameters.OneOf(lambda: KINDS, "").check("kind", kind)
    most = most or {"serial": 1, "asyncio": 64}.get(kind) or machine()["usable_cpus"]
    workers = parameters.Number(1, 256, "").check("workers", most if workers is None else workers)
    cell, path = find_task.source(name), Path(path or f"my_work/{name}_{kind}.py").expanduser()
    try:
        function = [node for node in ast.parse(cell).body if getattr(node, "name", None) == name][-1]
    except (SyntaxError, IndexError):
        raise LabError(f"the last %%task {name} cell defines no {name}: run the corrected cell first") from None
    coroutine, argument = isinstance(function, ast.AsyncFunctionDef), "" if isinstance(items, int) else "_item"
    if kind == "asyncio" and not coroutine:
        raise LabError(f"asyncio cannot run {name}, which is a plain def: asyncio needs an async def")
    if argument and not ast.unparse(function.args):
        raise LabError(f"{name}() takes no argument: give items as a number, or {name} a parameter with a default")
    fields = {"kind": kind, "python": python, "method": "", "context": "", "chunks": "", "loop": ""}
    fields |= {"name": name, "items": values, "workers": min(workers, len(values)), "call": f"{name}({argument})"}
    fields["executor"] = EXECUTORS.get(kind, "ProcessPoolExecutor")
    fields["cell"] = (_filled("one_thread", names=BLAS) + "\n" if find_task.packages(cell) else "") + cell.strip()
    if coroutine and kind != "asyncio":
        fields |= {"call": f"asyncio.run({name}({argument}))", "loop": "import asyncio\n\n    "}
    if kind in ("processes", *kinds.START_METHODS):
        fields |= {"context": "\n    from multiprocessing import get_context", "chunks": f", chunksize={chunk}"}
        fields["method"] = f', get_context("{method if kind == "processes" else kind}")'
    script, wanted = kind if kind in ("serial", "asyncio", "dask") else "pool", path
    for number in count(2):
        text = _filled(script, **fields | {"file": path.name})
        if not path.is_file() or path.read_bytes() == text.encode():
            return files.write(path, text, "the script")
        path = wanted.with_stem(f"{wanted.stem}_{number}")


def _advised(advice, name, items):
    """(kind, workers, chunksize) of what `lab.advise` found to be best for so many items."""
    from ..experiments.advise import chart  # which brings pandas along

    if advice.experiment != "advise" or advice.params["task"] != name:
        raise LabError(f"this is not advice on {name}: give what lab.advise({name!r}, …) returned, or a kind")
    chosen = chart.advised(advice, items)
    return chosen.kind, int(chosen.workers), chart.chunksize(chosen, items)


def _filled(script, **values):
    """One of the texts in scripts/, whose imports are in functions, where they hide none of the cell's names."""
    return Template((Path(__file__).parent / f"scripts/{script}.txt").read_text(encoding="utf-8")).substitute(values)


def _values(items):
    """The items as a range or a list that Python can write."""
    items = range(parameters.Number(1, 10**9, "").check("items", items)) if isinstance(items, int) else items
    with contextlib.suppress(ValueError, SyntaxError, TypeError):
        values = items if isinstance(items, range) else list(islice(items, MOST + 1))
        if values and (values is items or (len(values) <= MOST and ast.literal_eval(repr(values)) == values)):
            return values
    plain = f"a list of at most {MOST:,} numbers, texts or other plain values"
    raise LabError(f"items must be a number of calls, a range, or {plain}")
