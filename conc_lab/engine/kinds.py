"""Which kinds of worker there are, which of them this machine has, what suits them, and how many fit."""

import multiprocessing
import os
import platform
import sys

from .errors import LabError

START_METHODS = ("fork", "forkserver", "spawn")
KINDS = ("threads", "asyncio", *START_METHODS, "interpreters")  # "serial" beside them; "processes" is one of three

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
    return None


def unsuited(task, kind: str) -> str | None:
    """Why this kind of worker cannot run the task, in one sentence, or None."""
    if kind == "asyncio" and task.coroutine is None:
        why = "it overlaps only waits that are written as coroutines (sleep, http, an async def of your own)"
        return f"asyncio cannot run {task.name}: {why}; choose threads or processes, or another task"
    if kind == "interpreters" and task.extension:
        return f"interpreters cannot run {task.name}: {task.extension} cannot be imported in a subinterpreter"
    return None


def check_kinds(kinds, workers: int, machine: dict, task_bytes: int = 0) -> None:
    """Refuse kinds that this machine lacks, and more worker processes of one kind than its free memory holds.

    Raises LabError with the number that would fit. task_bytes: what the task needs in each worker.
    """
    for kind in kinds:
        if problem := unavailable(kind):
            raise LabError(problem)
        if kind in START_METHODS:
            check_number(workers, f"{kind} processes", WORKER_BYTES[kind] + task_bytes, machine)
            if os.name == "nt" and workers > WINDOWS_MOST_PROCESSES:
                raise LabError(f"Windows allows a process pool {WINDOWS_MOST_PROCESSES} workers, got {workers}")


def check_number(count: int, what: str, each_bytes: int, machine: dict) -> None:
    """Raise LabError where so many of something, which take so many bytes each, exceed the free memory."""
    most = max(0, machine["memory_free_bytes"]) // each_bytes
    check_free(f"{count} {what} need", count * each_bytes, f"at most {most}", machine)


def check_free(what: str, needed_bytes: int, would_fit: str, machine: dict) -> None:
    """Raise LabError, saying what would fit, where something needs more than the free memory."""
    free = max(0, machine["memory_free_bytes"])
    if needed_bytes > free:
        raise LabError(f"{what} about {_size(needed_bytes)} and {_size(free)} are free: {would_fit} would fit")


def _size(count):
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 1e6:.0f} MB"
