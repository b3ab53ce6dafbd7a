"""The sacrifice of the faults experiment: a program of its own, whose two workers are those of one API."""

import contextlib
import multiprocessing
import os
import signal
import threading
from functools import partial

from ...engine import helper, pools
from ...engine.errors import fate
from . import worker

NOTHING, RESULT = "nothing", "a result"
START_S = 60  # for what is sure to happen, however busy the machine: a worker's start


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
        told(lambda seconds: submit(worker.finish, folder, "again", "go")(seconds), START_S)  # a broken pool takes none
        row["usable_again"] = os.path.exists(os.path.join(folder, "again"))
        if row["stoppable"]:
            process.kill()
        helper.say(row)


main = partial(helper.run, case)


def told(wait, seconds: float) -> str:
    """What the caller gets that waits at most so long: an error's name, a result, nothing, or how a process ended."""
    try:
        return wait(seconds) or RESULT
    except Exception as error:
        return type(error).__name__.replace("TimeoutError", NOTHING)  # there are two of this name


@contextlib.contextmanager
def _workers(api, kind):
    """submit(function, *args) of this API with two workers, which returns wait(seconds); pools are started and watched.

    ProcessPoolExecutor may not watch a second worker, which it starts with the second task, before something else
    happens in the pool: under spawn its crash was missed in 12 of 12 pools on 3.11, in 11 on 3.13 and in 3 on 3.14.
    """
    if api == "Pool":
        with pools.uninterrupted(kind):
            pool = multiprocessing.get_context(kind).Pool(2, worker.let_through)
        yield lambda function, *args: pool.apply_async(function, args).get
    elif api in ("Thread", "Process"):
        yield partial(_started, threading.Thread if api == "Thread" else multiprocessing.get_context(kind).Process)
    else:
        with pools.opened(kind, 2) as pool:
            yield lambda function, *args: pool.executor.submit(function, *args).result


def _started(bare, function, *args):
    """Start a bare worker; whoever waits for it is told no more than a process's exit code."""
    one = bare(target=function, args=args)
    one.start()

    def wait(seconds):
        one.join(seconds)
        code = getattr(one, "exitcode", None)  # a thread has none
        return fate(code) if code else NOTHING

    return wait


def _limit(fault):
    """Let this program and its workers leave no core file, and take no more memory than a limit."""
    if os.name != "nt":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if fault == "memory" and resource.getrlimit(resource.RLIMIT_AS)[1] == resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_AS, (worker.MEMORY_LIMIT, resource.RLIM_INFINITY))
