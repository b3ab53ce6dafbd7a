"""Which kinds of worker there are, which of them this machine has, and how many fit."""

import multiprocessing
import platform

from . import this_python
from .errors import LabError

START_METHODS = ("fork", "forkserver", "spawn")
KINDS = ("threads", "asyncio", *START_METHODS, "interpreters", "dask")  # and "serial"; "processes" is one of 3
PROCESSES = (*START_METHODS, "dask")  # whose workers are processes

# What one idle worker adds to the machine, rounded up from its PSS (conc_lab's own memory measurements on Linux,
# CPython 3.11 and 3.13). Used to refuse what cannot fit, never shown as a result.
WORKER_BYTES = {"fork": 5 << 20, "forkserver": 12 << 20, "spawn": 12 << 20, "dask": 60 << 20}
# The address of the cluster that "dask" means, and its workers; the child is told. By default one is started here.
scheduler, on_cluster = None, 0
# The start methods of this platform; the first is this Python's default, which "processes" stands for.
start_methods = multiprocessing.get_all_start_methods
WINDOWS_MOST_PROCESSES = 61  # WaitForMultipleObjects; ProcessPoolExecutor refuses more


def here(kinds=KINDS, facts: dict | None = None) -> tuple[str, ...]:
    """Those of the kinds that the Python with these facts has, by default this one."""
    return tuple(kind for kind in kinds if not unavailable(kind, facts))


def unavailable(kind: str, facts: dict | None = None) -> str | None:
    """Why the Python with these facts, by default this one, lacks this kind of worker, in one sentence, or None."""
    facts = own() | (facts or {})
    if kind == "interpreters" and tuple(map(int, facts["python"].split(".")[:2])) < (3, 14):
        return f"interpreters need Python 3.14 or newer, and this is {facts['python']}"
    if kind in START_METHODS and kind not in facts["start_methods"]:
        return f"this platform has no start method {kind!r}: choose one of {', '.join(facts['start_methods'])}"
    # Looked for only where it decides: pools ask within a clock, and to look takes longer than to open some of them.
    if kind == "dask" and "distributed" not in (facts["packages"] if "packages" in facts else this_python.packages()):
        cure = f"{facts['path']} -m pip install distributed" if "path" in facts else "pip install -e '.[cluster]'"
        return f"Dask needs the package distributed, which is not installed here: install it with `{cure}`"
    return None


def own() -> dict:
    """The facts of this Python that decide which kinds it has."""
    return {"python": platform.python_version(), "start_methods": start_methods()}


def check_kinds(kinds, workers: int, machine: dict, process_bytes: int = 0, worker_bytes: int = 0) -> None:
    """Refuse kinds that this machine's Python lacks, and more workers of one kind than its free memory holds.

    process_bytes, worker_bytes: what the task needs in each process, and in each worker. Raises LabError with the
    number that would fit.
    """
    for kind in kinds:
        if problem := unavailable(kind, machine):
            raise LabError(problem)
        process = kind in PROCESSES
        each_bytes = worker_bytes + (WORKER_BYTES[kind] + process_bytes if process else 0)
        check_memory(workers, f"processes ({kind})" if process else kind, each_bytes, machine["memory_free_bytes"])


def check_memory(count: int, what: str, each_bytes: int, free_bytes: int) -> None:
    """Raise LabError, saying how many would fit, where so many of something exceed the free memory."""
    if count * each_bytes > free_bytes:
        sizes = f"about {count * each_bytes / 1e6:,.0f} MB, but only {free_bytes / 1e6:,.0f} MB are free"
        raise LabError(f"{count:,} {what} need {sizes}: ask for {free_bytes // each_bytes:,} at most")
