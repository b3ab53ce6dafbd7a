"""The student's task to take home: a plain script with their cell, the executor and the guard, without conc_lab."""

import ast
import builtins
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

from ..engine import pools as executors, parameters, tasks
from . import own_task as own
from ..engine.errors import LabError
from ..engine.machine import machine

POOL = "with concurrent.futures.{}(workers) as pool:\n"
KINDS = {  # what opens the workers, and what gives their results in order
    "serial": ("", "map({call}, items)"),
    "threads": (POOL.format("ThreadPoolExecutor"), "pool.map({call}, items)"),
    "processes": (
        'context = multiprocessing.get_context("{start_method}")\n'
        "with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:\n",
        "pool.map({call}, items, chunksize=max(1, len(items) // (16 * workers)))",
    ),
    "asyncio": (
        "limit = asyncio.Semaphore(workers)\nasync with asyncio.TaskGroup() as group:\n",
        "[group.create_task({call}(item, limit)) for item in items]",
    ),
    "interpreters": (POOL.format("InterpreterPoolExecutor"), "pool.map({call}, items)"),
}


def export(
    task, kind: str, items: int | Iterable, *, workers: int | None = None, start_method: str = "spawn", path=None
) -> Path:
    """Write a script that runs the student's task with workers of this kind, and return its path.

    items: the number of calls, or the values of which each call gets one. workers: by default as many as there are
    usable CPUs, for asyncio 64 calls at once. path: by default my_work/TASK_KIND.py. Raises LabError for what
    cannot be run in this way, or not be written.
    """
    name = parameters.TaskName("").check("task", task)
    parameters.OneOf(lambda: KINDS, "").check("kind", kind)
    parameters.OneOf(lambda: executors.START_METHODS, "").check("start_method", start_method)
    if workers is None:
        workers = {"serial": 1, "asyncio": 64}.get(kind) or machine()["usable_cpus"]
    parameters.Number(1, 256, "").check("workers", workers)
    cell, found = own.source(name), tasks.outline(name)
    if kind == "asyncio" and (problem := executors.unsuited(found, kind)):
        raise LabError(problem)
    if kind != "asyncio" and found.coroutine:
        raise LabError(f"{name} is an async def, whose waits only asyncio overlaps: export it with kind='asyncio'")
    tree = ast.parse(cell)
    *_, last = (node for node in tree.body if getattr(node, "name", None) == name)
    if isinstance(last, ast.ClassDef):
        raise LabError(f"a class replaces the function {name} in its cell: give one of the two another name")
    if away := next((node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level), None):
        raise LabError(f"a script has no package that '{ast.unparse(away)}' could mean: import it by its whole name")
    takes = last.args
    argument = "" if isinstance(items, int) else _free("item", name)
    if argument and not (takes.posonlyargs or takes.args or takes.vararg):
        raise LabError(f"{name}() takes no argument: give items as a number, or {name} a parameter with a default")
    path = Path(path or f"my_work/{name}_{kind}.py")
    text = _script(name, kind, cell.strip("\n"), argument, _literal(items), workers, start_method, path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LabError(f"the script could not be written to {path}: {error.strerror}") from error
    return path


def _script(name, kind, cell, argument, items, workers, start_method, file):
    """The text. What it imports stays in a function, where it replaces no name of the cell's, and no name of the
    cell's replaces what it needs; and the cell comes first, because it may begin with `from __future__`."""
    call, run = (_free(f"{what}_{name}", cell) for what in ("call", "run"))
    opening, results = (part.format(call=call, start_method=start_method) for part in KINDS[kind])
    loop = f"""\
for result in {results}:
    results.append({"await " * (kind == "asyncio")}result)
    if len(results) % max(1, len(items) // 100) == 0:
        print(f"\\r{{len(results)}} of {{len(items)}} done", end="", file=sys.stderr, flush=True)"""
    work = indent(opening + indent(loop, "    " * bool(opening)), "    ")
    size = "" if kind == "serial" else f"\n    workers = {workers}"
    body = f"""\
    items = {items}{size}
    results, start = [], time.perf_counter()
{work}
    print(f"\\n{{len(results)}} results in {{time.perf_counter() - start:.2f}} s; the first: {{results[0]!r}}")"""
    modules = [module for module in ("asyncio", "concurrent.futures", "multiprocessing") if f"{module}." in work]
    imports = "\n".join(f"    import {module}" for module in [*modules, "sys", "time"])
    used = {node.id for node in ast.walk(ast.parse(f"async def {run}():\n{body}")) if isinstance(node, ast.Name)}
    if lost := sorted(_rebound(cell) & used):
        imports = f"    from builtins import {', '.join(lost)}\n{imports}"
    item, limit = _free("item", name), _free("limit", name)
    if kind == "asyncio":
        caller = f"async def {call}({item}, {limit}):\n    async with {limit}:\n        return await {name}({argument})"
        runner, begin = f"async def {run}", f"import asyncio\n\n    asyncio.run({run}())"
    else:
        caller = f"def {call}({item}):\n    return {name}({argument})"
        runner, begin = f"def {run}", f"{run}()"
    return f"""\
# {name} with {kind}{_needs(cell, kind)}. Start it with: python {file}

{cell}


{caller}


{runner}():
{imports}

{body}


# A worker process imports this file to find the function: only the program itself may start workers.
if __name__ == "__main__":
    {begin}
"""


def _free(name, taken):
    """The name, or one like it, that the text has not."""
    while re.search(rf"\b{name}\b", taken):
        name += "_"
    return name


def _rebound(cell):
    """The builtins that the cell may give a meaning of its own."""
    nodes = [node for node in ast.walk(ast.parse(cell)) if not isinstance(getattr(node, "ctx", None), ast.Load)]
    names = {getattr(node, what, None) for node in nodes for what in ("id", "name", "asname")}
    return {name for name in dir(builtins) if name in names or "*" in names}


def _needs(cell, kind):
    """What a Python that runs the script must have, from the cell's imports."""
    nodes = list(ast.walk(ast.parse(cell)))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    others = {name.partition(".")[0] for name in named} - sys.stdlib_module_names
    needs = ["Python 3.14"] * (kind == "interpreters") + sorted(others)
    return f"; it needs {' and '.join(needs)}" if needs else ""


def _literal(items):
    if isinstance(items, int):
        return f"range({parameters.Number(1, 10**9, '').check('items', items)})"
    values = items if isinstance(items, range) else list(items)
    try:
        plain = values and (isinstance(values, range) or ast.literal_eval(repr(values)) == values)
    except (ValueError, SyntaxError):
        plain = False
    if not plain:
        raise LabError("items must be a number of calls, a range, or a list of numbers, texts or other plain values")
    return repr(values)
