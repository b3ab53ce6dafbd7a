"""The sacrifice of the faults experiment: a program of its own, one of whose two workers fails on purpose.

`main` is the program; `fail` and `finish` are what its workers do, so that every spawned worker imports this
module, and it imports nothing that a bare worker lacks. They talk through files in the program's own folder,
which all kinds of worker on all platforms can do, and which leaves no lock that a dying worker might hold.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback

START_S = 60  # for what is sure to happen, however busy the machine: a worker's start
EXIT_CODE = 3
FATAL = ("exit", "segfault", "kill")  # no Python code can catch these
MEMORY_LIMIT, MEMORY_WANTED = 4 << 30, 8 << 30  # address space; nothing of it is touched
NOTHING, RESULT = "nothing", "a result"
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # on Windows os.kill ends a process with any number


def fail(folder: str, fault: str) -> None:
    """The first worker's task: say who does it, wait for the word, and fail."""
    if fault == "segfault":
        import ctypes  # before the word: an import may take longer than anybody waits for the fault
    _mark(folder, "victim", str(os.getpid()))
    _await(folder, "fire")
    match fault:
        case "raise":
            raise ValueError("broken on purpose")
        case "exit":
            os._exit(EXIT_CODE)
        case "segfault":
            ctypes.string_at(0)  # reads the byte at address 0, which no program may
        case "memory":
            _exceed_memory()
        case "hang" | "kill":
            threading.Event().wait()


def finish(folder: str, name: str, after: str) -> None:
    """The other worker's task: start, wait for the word, leave a sign of having finished."""
    _mark(folder, f"{name}-started")
    _await(folder, after)
    _mark(folder, name)


def ready() -> None:
    """A pool's initializer: workers inherit that SIGTERM is held back while the pool is made."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def main() -> None:
    """Run one case and write what came of it, step by step: what it did not live to write did not happen."""
    from ...engine.errors import end_when_out_of_threads, limit_reached

    fault, worker, start_method, patience_s, folder = sys.argv[1:]
    _leave_no_core()
    with open(os.path.join(folder, "report"), "a", encoding="utf-8") as report:

        def say(**found):
            report.write(json.dumps(found) + "\n")
            report.flush()

        def fail(error):
            sentence = limit_reached(error) or f"{type(error).__name__}: {error}"
            say(error=sentence, traceback="".join(traceback.format_exception(error)))
            _end_workers()
            os._exit(1)

        end_when_out_of_threads(fail)
        try:
            _case(say, fault, worker, start_method, float(patience_s), folder)
        except BaseException as error:
            fail(error)
        say(done=True)


def _case(say, fault, worker, start_method, patience_s, folder):
    submit, told = _crew(worker, start_method)
    if worker not in ("Thread", "Process"):
        # ProcessPoolExecutor starts its second worker with the second task, and may not watch it before something
        # else happens in the pool: under spawn its crash was missed in 12 of 12 pools on 3.11, in 11 on 3.13 and
        # in 3 on 3.14.
        both = [submit(finish, folder, f"warm-{me}", f"warm-{1 - me}-started") for me in (0, 1)]
        for call in both:
            told(call, START_S)
    victim = submit(fail, folder, fault)
    other = submit(finish, folder, "other", "go")
    _await(folder, "other-started")
    pid = int(_await(folder, "victim"))
    _mark(folder, "fire")
    if fault == "kill":
        os.kill(pid, KILL)
    if fault in FATAL and pid != os.getpid():
        _await_end(pid)
    say(told=told(victim, patience_s))
    _mark(folder, "go")
    arrived = told(other, START_S) in (NOTHING, RESULT)  # a worker may finish whose pool is already broken
    say(others_finished=arrived and os.path.exists(os.path.join(folder, "other")))
    try:
        again = submit(finish, folder, "again", "go")
    except Exception:  # a broken pool takes no new task
        say(usable_again=False)
    else:
        told(again, START_S)
        say(usable_again=os.path.exists(os.path.join(folder, "again")))
    if fault == "hang":
        stoppable = pid != os.getpid()  # a thread has no process id of its own to be killed by
        if stoppable:
            os.kill(pid, KILL)
            _await_end(pid)
        say(stoppable=stoppable)


def _crew(worker, start_method):
    """Two functions: submit(function, *args) -> call, and told(call, seconds) -> what its caller gets."""
    if worker == "Thread":
        return lambda function, *args: _started(threading.Thread(target=function, args=args)), _joined
    if worker == "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(2).submit, lambda call, seconds: _result(call.result, seconds)
    if worker == "InterpreterPoolExecutor":
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(2).submit, lambda call, seconds: _result(call.result, seconds)
    import multiprocessing

    context = multiprocessing.get_context(start_method)
    if worker == "Process":
        return lambda function, *args: _started(context.Process(target=function, args=args)), _joined
    from ...engine.pools import uninterrupted

    with uninterrupted(start_method):
        if worker == "Pool":
            pool = context.Pool(2, ready)
            return (
                lambda function, *args: pool.apply_async(function, args),
                lambda call, seconds: _result(call.get, seconds),
            )
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(2, context, ready).submit, lambda call, seconds: _result(call.result, seconds)


def _started(worker):
    worker.start()
    return worker


def _joined(worker, seconds):
    """What somebody who joins a bare worker learns: a process has an exit code, a thread has nothing."""
    worker.join(seconds)
    code = getattr(worker, "exitcode", None)
    return fate(code) if code else NOTHING


def _result(get, seconds):
    from multiprocessing import TimeoutError as PoolTimeout

    try:
        get(timeout=seconds)
    except (TimeoutError, PoolTimeout):
        return NOTHING
    except Exception as error:
        return type(error).__name__
    return RESULT


def fate(code: int) -> str:
    """A process's exit code in words: "exit code 3", or the signal that ended it, "SIGSEGV"."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _exceed_memory():
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    lower = [limit for limit in (MEMORY_LIMIT, soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(lower), hard))
    try:
        bytearray(MEMORY_WANTED)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _leave_no_core():
    try:
        import resource
    except ImportError:  # Windows writes none
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _await_end(pid):
    """Wait for a worker process to be gone: only then does the patience with its pool begin."""
    import multiprocessing

    deadline = time.monotonic() + START_S
    while pid in [worker.pid for worker in multiprocessing.active_children()] and time.monotonic() < deadline:
        time.sleep(0.005)


def _end_workers():
    import multiprocessing

    for worker in multiprocessing.active_children():
        worker.kill()


def _mark(folder, name, text=""):
    part = os.path.join(folder, f"{name}.part")
    with open(part, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(part, os.path.join(folder, name))


def _await(folder, name):
    """The text of a mark, once it is there."""
    path, deadline = os.path.join(folder, name), time.monotonic() + START_S
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {name} within {START_S} s")
        time.sleep(0.005)
    with open(path, encoding="utf-8") as file:
        return file.read()
