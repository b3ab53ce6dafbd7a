"""The sacrifice of the faults experiment: a program of its own, whose two workers are those of one API."""

import contextlib
import multiprocessing
import os
import signal
import threading

from ...engine import helper, pools
from ...engine.kinds import START_METHODS
from . import worker

NOTHING, RESULT = "nothing", "a result"
START_S = 60  # for what is sure to happen, however busy the machine: a worker's start


def main() -> None:
    """The program's end of `case`."""
    helper.run(case)


def case(fault: str, api: str, kind: str, patience_s: float, folder: str) -> None:
    """Let a worker fail, and say what became of all: nothing is said if this program did not live on."""
    _limit(fault)
    with _workers(api, kind) as submit:
        victim = submit(worker.fail, folder, fault)
        other = submit(worker.finish, folder, "other", "go")
        worker.wait_for(folder, "started-other")
        pid = int(worker.wait_for(folder, "victim-"))
        # Its process; None where it is a part of this one, and has no process id of its own to be killed by.
        process = next((child for child in multiprocessing.active_children() if child.pid == pid), None)
        worker.mark(folder, "fire")
        if fault == "kill":
            os.kill(pid, signal.SIGKILL)
        if process and fault in ("exit", "segfault", "kill"):
            process.join(START_S)  # only then does the patience with its pool begin
        row = {"told": told(victim, patience_s), "stoppable": bool(process) if fault == "hang" else None}
        worker.mark(folder, "go")
        arrived = told(other, START_S) in (NOTHING, RESULT)  # a worker may finish whose pool is already broken
        row["others_finished"] = arrived and os.path.exists(os.path.join(folder, "other"))
        with contextlib.suppress(Exception):  # a broken pool takes no new task
            told(submit(worker.finish, folder, "again", "go"), START_S)
        row["usable_again"] = os.path.exists(os.path.join(folder, "again"))
        if row["stoppable"]:
            process.kill()
        helper.say(row)


def told(call, seconds: float) -> str:
    """What the caller gets: an error, a result or nothing; of a bare worker no more than a process's exit code."""
    if hasattr(call, "join"):
        call.join(seconds)
        code = getattr(call, "exitcode", None)
        return fate(code) if code else NOTHING
    try:
        call.get(seconds) if hasattr(call, "get") else call.result(seconds)
    except Exception as error:
        return type(error).__name__.replace("TimeoutError", NOTHING)  # there are two of this name
    return RESULT


def fate(code: int) -> str:
    """A process's exit code in words: "exit code 3", or the signal that ended it, "SIGSEGV"."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


@contextlib.contextmanager
def _workers(api, kind):
    """submit(function, *args) of this API with two workers; those of a pool are started and watched.

    ProcessPoolExecutor may not watch a second worker, which it starts with the second task, before something else
    happens in the pool: under spawn its crash was missed in 12 of 12 pools on 3.11, in 11 on 3.13 and in 3 on 3.14.
    """
    context = multiprocessing.get_context(kind if kind in START_METHODS else None)
    bare = {"Thread": threading.Thread, "Process": context.Process}

    def started(function, *args):
        one = bare[api](target=function, args=args)
        one.start()
        return one

    if api in bare:
        yield started
    elif api == "Pool":
        with pools.uninterrupted(kind):
            pool = context.Pool(2, worker.let_through)
        yield lambda function, *args: pool.apply_async(function, args)
    else:
        with pools.opened(kind, 2) as pool:
            yield pool.executor.submit


def _limit(fault):
    """Let this program and its workers leave no core file, and take no more memory than a limit."""
    if os.name != "nt":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if fault == "memory" and resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_AS, (worker.MEMORY_LIMIT, resource.RLIM_INFINITY))
