"""Which kinds of worker there are, which of them this machine has, and how many fit."""

import importlib.util
import multiprocessing
import platform
import sys

from .errors import LabError

START_METHODS = ("fork", "forkserver", "spawn")
KINDS = ("threads", "asyncio", *START_METHODS, "interpreters", "dask")  # "serial" beside them; "processes" is one of 3
PROCESSES = (*START_METHODS, "dask")  # whose workers are processes

# What one idle worker adds to the machine, rounded up from its PSS (conc_lab's own memory measurements on Linux,
# CPython 3.11 and 3.13). Used to refuse what cannot fit, never shown as a result.
WORKER_BYTES = {"fork": 5 << 20, "forkserver": 12 << 20, "spawn": 12 << 20}
WINDOWS_MOST_PROCESSES = 61  # WaitForMultipleObjects; ProcessPoolExecutor refuses more


def start_methods() -> list[str]:
    """The start methods of this platform; the first is this Python's default, which "processes" stands for."""
    return multiprocessing.get_all_start_methods()


def here(kinds=KINDS) -> tuple[str, ...]:
    """Those of the kinds that this machine and Python have."""
    return tuple(kind for kind in kinds if not unavailable(kind))


def unavailable(kind: str) -> str | None:
    """Why this machine or Python lacks this kind of worker, in one sentence, or None."""
    if kind == "interpreters" and sys.version_info < (3, 14):
        return f"interpreters need Python 3.14; this is {platform.python_version()}"
    if kind in START_METHODS and kind not in start_methods():
        return f"start method {kind!r} does not exist on this platform; one of: {', '.join(start_methods())}"
    if kind == "dask" and not importlib.util.find_spec("distributed"):
        return "dask needs distributed: install it with pip install -e '.[cluster]', or pip install distributed"
    return None


def check_kinds(kinds, workers: int, machine: dict, task_bytes: int = 0) -> None:
    """Refuse kinds that this machine lacks, and more worker processes of one kind than its free memory holds.

    task_bytes: what the task needs in each worker. Raises LabError with the number that would fit.
    """
    for kind in kinds:
        if problem := unavailable(kind):
            raise LabError(problem)
        if kind in START_METHODS:
            check_memory(workers, f"{kind} processes", WORKER_BYTES[kind] + task_bytes, machine["memory_free_bytes"])


def check_memory(count: int, what: str, each_bytes: int, free_bytes: int) -> None:
    """Raise LabError, saying how many would fit, where so many of something exceed the free memory."""
    if count * each_bytes > free_bytes:
        sizes = f"about {count * each_bytes / 1e6:,.0f} MB and {free_bytes / 1e6:,.0f} MB are free"
        raise LabError(f"{count:,} {what} need {sizes}: at most {free_bytes // each_bytes:,} would fit")
