"""The student's task to take home: a plain script with their cell, the executor and the guard, without conc_lab."""

import ast
import contextlib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from ..engine import files, find_task, kinds, parameters
from ..engine.errors import LabError
from ..engine.machine import machine

PROCESSES = 'with concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("{method}")) as pool:'
ASYNCIO = "limit = asyncio.Semaphore(workers)\n    async with asyncio.TaskGroup() as group:"
MOST = 100_000  # values that a script holds
IN_POOL = "pool.map(call_{name}, items)"
IN_CHUNKS = "pool.map(call_{name}, items, chunksize=max(1, len(items) // (16 * workers)))"
KINDS = {  # what opens the workers, and what gives their results in order
    "serial": ("", "map(call_{name}, items)"),
    "threads": ("with concurrent.futures.ThreadPoolExecutor(workers) as pool:", IN_POOL),
    "asyncio": (ASYNCIO, "[group.create_task(call_{name}(item, limit)) for item in items]"),
    **dict.fromkeys(("processes", *kinds.START_METHODS), (PROCESSES, IN_CHUNKS)),
    "interpreters": ("with concurrent.futures.InterpreterPoolExecutor(workers) as pool:", IN_POOL),
}


def export(task, kind: str, items: int | Iterable, *, workers: int | None = None, path=None) -> Path:
    """Write a script that runs the student's task with workers of this kind, and return its path.

    kind: one of `KINDS`; "processes" are started as this Python does it by default. items: the number of calls, or the
    values of which each call gets one. workers: by default as many as there are usable CPUs, for asyncio 64 calls at
    the same time. path: by default my_work/TASK_KIND.py. Raises LabError for what cannot be run in this way, or not be
    written.
    """
    name = parameters.TaskName("").check("task", task)
    parameters.OneOf(lambda: KINDS, "").check("kind", kind)
    most = {"serial": 1, "asyncio": 64}.get(kind) or machine()["usable_cpus"]
    workers = parameters.Number(1, 256, "").check("workers", most if workers is None else workers)
    cell, values, path = find_task.source(name), _values(items), Path(path or f"my_work/{name}_{kind}.py")
    function = [node for node in ast.parse(cell).body if getattr(node, "name", None) == name][-1]
    coroutine, argument = isinstance(function, ast.AsyncFunctionDef), "" if isinstance(items, int) else "_item"
    if coroutine != (kind == "asyncio"):
        raise LabError(f"{kind} cannot run {name}: asyncio needs an async def, and every other kind a plain def")
    if argument and not ast.unparse(function.args):
        raise LabError(f"{name}() takes no argument: give items as a number, or {name} a parameter with a default")
    title = f"# {name} with {kind}. Start it with: python {path.name}\n\n"
    return files.write(path, title + _script(name, kind, cell, f"{name}({argument})", values, workers), "the script")


def _script(name, kind, cell, call, items, workers):
    """The script below its first line.

    The cell comes first, because it may begin with `from __future__`. What the script imports stays in a function,
    where it replaces no name of the cell's.
    """
    method = kinds.start_methods()[0] if kind == "processes" else kind
    opening, results = (part.format(name=name, method=method) for part in KINDS[kind])
    define, wait, begin = "def", "", f"run_{name}()"
    caller = f"def call_{name}(_item):\n    return {call}"
    if kind == "asyncio":
        define, wait, begin = "async def", "await ", f"import asyncio\n\n    asyncio.run(run_{name}())"
        caller = f"async def call_{name}(_item, _limit):\n    async with _limit:\n        return await {call}"
    modules = [name for name in ("asyncio", "concurrent.futures", "multiprocessing") if f"{name}." in opening]
    opening, pad = (f"workers = {workers}\n    {opening}\n    ", "    ") if opening else ("", "")
    imports = "\n    ".join(f"import {module}" for module in [*modules, "sys", "time"])
    return f"""\
{cell.strip()}


{caller}


{define} run_{name}():
    {imports}

    items = {items}
    results, start = [], time.perf_counter()
    {opening}{pad}for result in {results}:
    {pad}    results.append({wait}result)
    {pad}    if len(results) % max(1, len(items) // 100) == 0:
    {pad}        print(f"\\r{{len(results)}} of {{len(items)}} done", end="", file=sys.stderr, flush=True)
    print(f"\\n{{len(results)}} results in {{time.perf_counter() - start:.2f}} s; the first: {{results[0]!r}}")


# A worker process imports this file to find the function: only the program itself may start workers.
if __name__ == "__main__":
    {begin}
"""


def _values(items):
    """The items as Python writes them."""
    items = range(parameters.Number(1, 10**9, "").check("items", items)) if isinstance(items, int) else items
    with contextlib.suppress(ValueError, SyntaxError, TypeError):
        values = items if isinstance(items, range) else list(islice(items, MOST + 1))
        plain = isinstance(values, range) or (len(values) <= MOST and ast.literal_eval(repr(values)) == values)
        if values and plain:
            return repr(values)
    plain = f"a list of at most {MOST:,} numbers, texts or other plain values"
    raise LabError(f"items must be a number of calls, a range, or {plain}")
