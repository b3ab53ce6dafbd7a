"""Runs an experiment in a clean child interpreter and hands on its events.

A kernel has threads of its own, a big heap and, on Binder, little memory: measuring inside it would block it,
measure the wrong thing and let a crash take the notebook along. The child is a session of its own, so that
everything it starts can be found and ended.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import experiment as experiments
from . import find_task, helper, kinds, parameters
from .errors import TEMPORARY, LabError, RunStopped, cannot_start
from .machine import Facts, machine
from .result import Result, now

TIMEOUT_S = 300
TIMEOUT = parameters.Number(0, 86_400, "seconds after which a run is ended", whole=False)
GRACE_S = 0.6  # between SIGTERM and SIGKILL
# Removes the names of semaphores and shared memory when the others are gone, and then leaves by itself.
# On a busy machine it may only just have begun to start: it is killed last.
RESOURCE_TRACKER = "multiprocessing.resource_tracker"
SCRATCH = ("TMPDIR", "TEMP", "TMP", "CONC_LAB_SCRATCH")  # the variables that name the child's temporary folder
STOPPED = "the run was stopped before it was done; run it again to measure"
PAUSE_S = 0.4  # after each round, for the chart: drawing it (0.2 s) would take a CPU from the next variant
LAST_EVENTS_S = 1  # after the child's exit, for the events that its pipe still holds
KEPT_OUTPUT = 8192  # bytes of what the task printed, for the error message

_ONE_AT_A_TIME = threading.Lock()

ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
}


def run(
    experiment: str,
    params: dict,
    timeout_s: float = TIMEOUT_S,
    *,
    on_start: Callable[["Run"], None] = lambda run: None,
    on_progress: Callable[[float, str, float | None], None] = lambda fraction, doing, left_s: None,
    on_round: Callable[[Result], None] | None = None,
) -> Result:
    """Check the parameters, run the experiment in a child and return its rows as a `Result`.

    on_start gets the `Run`, so that it can be stopped; on_progress the fraction done, what is being done and
    the seconds left (None while unknown); on_round the result so far, whenever a round is complete.
    Raises what `checked` raises, LabError while another experiment runs in this kernel, what `Run.wait` raises, and
    RunStopped after an interrupt at any moment of the run.
    """
    given, facts = checked(experiment, params)
    processes = parameters.processes(experiments.function(experiment), params)
    timeout_s = TIMEOUT.check("timeout_s", timeout_s)
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        raise LabError(
            "another experiment is running in this notebook: wait for it or press Stop there, "
            "because two at once would disturb each other's times"
        )
    try:
        return _run(experiment, given, processes, facts, timeout_s, on_start, on_progress, on_round)
    except KeyboardInterrupt:
        raise RunStopped(STOPPED) from None
    finally:
        _ONE_AT_A_TIME.release()


def checked(experiment: str, params: dict) -> tuple[dict, Facts]:
    """All parameters, given or default, and the facts about this machine.

    Raises LabError for a parameter that is not allowed, or for some that do not go together or exceed this machine.
    """
    given, facts = parameters.checked(experiments.function(experiment), params), machine()
    names = [given["task"]] if "task" in given else given.get("tasks", [])
    needed = [find_task.outline(name) for name in names]
    measure = experiments.part(experiment, "measure")
    wanted = given.get("kinds", ())
    if getattr(measure, "SKIPS_KINDS", False):  # the experiment says itself what it cannot show
        wanted = kinds.here(wanted)
    else:
        for problem in (kinds.unsuited(task, kind) for task in needed for kind in wanted):
            if problem:
                raise LabError(problem)
    workers = given.get("workers", getattr(measure, "WORKERS", 1))
    each_bytes = max((task.worker_bytes for task in needed), default=0)
    kinds.check_kinds(wanted, max(workers) if isinstance(workers, list) else workers, facts, each_bytes)
    if check := getattr(measure, "check", None):
        check(given, facts)
    return given, facts


def _run(experiment, given, processes, facts, timeout_s, on_start, on_progress, on_round):
    rows, started, begun = [], now(), time.monotonic()

    def handle(event):
        if event["event"] == "row":
            rows.append(event["row"])
        elif event["event"] == "started":
            facts.update(event["python"])
        elif event["event"] == "round" and on_round:
            on_round(Result(experiment, given, facts, list(rows), started, processes))
        elif event["event"] == "progress":
            done, spent = event["fraction"], time.monotonic() - begun
            on_progress(done, event["doing"], spent * (1 - done) / done if done else None)

    one = None
    try:
        with _interrupts_held_back():
            one = Run(experiment, given, timeout_s, pause_s=PAUSE_S if on_round else 0)
        on_start(one)
        one.wait(handle)
    finally:
        if one:
            one.close()
    return Result(experiment, given, facts, rows, started, processes)


@contextlib.contextmanager
def _interrupts_held_back():
    """Let an interrupt come at the end of the block, not between the start of a child and its being known.

    Not by pthread_sigmask: where this thread has blocked a signal, another thread of the kernel takes it, and the
    interrupt is raised here all the same.
    """
    handler, held = signal.getsignal(signal.SIGINT), []
    # Other threads get no interrupt; a handler that Python does not know could not be put back.
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: held.append(1))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)


class Run:
    """One experiment in one child: `wait` reads its events until it ends, `stop` ends it from any thread."""

    def __init__(self, experiment: str, params: dict, timeout_s: float = TIMEOUT_S, pause_s: float = 0):
        self._deadline = time.monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._arrivals = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._printed = b""
        self._exited = False
        self._process, self._threads = None, []
        try:
            folder = os.getcwd()
        except OSError as error:
            raise LabError(
                f"the folder that this notebook runs in is gone ({error.strerror}): open the notebook where it is now"
            ) from error
        spec = {"experiment": experiment, "params": params, "folder": folder, "pause_s": pause_s}
        try:
            # A child that is killed cannot remove its temporary files: a task's data, forkserver's socket.
            # The name is short because a socket's path may have no more than 104 characters on macOS.
            self._scratch = tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True)
        except OSError as error:
            raise LabError(f"no temporary folder could be made ({error.strerror}); {TEMPORARY}") from error
        try:
            pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            environment = _environment() | dict.fromkeys(SCRATCH, self._scratch.name)
            self._process = helper.start("engine.child", **pipes, env=environment, start_new_session=True)
            for reader in (self._read_events, self._read_printed, self._await_exit):
                thread = threading.Thread(target=reader, daemon=True)
                thread.start()
                self._threads.append(thread)
            with contextlib.suppress(BrokenPipeError):  # the exit of the child says more
                self._process.stdin.write(json.dumps(spec).encode() + b"\n")
                self._process.stdin.flush()  # and stays open: its closing is what ends the watchdog
        except BaseException as error:
            self.close()
            for pipe in (self._process.stdout, self._process.stderr) if self._process else ():
                pipe.close()  # no reader may have got it
            if isinstance(error, RuntimeError):
                raise LabError(cannot_start("the threads that watch a run", error)) from error
            raise

    @property
    def pid(self) -> int:
        """The child's process id, which is also its session's and its process group's."""
        return self._process.pid

    def stop(self) -> None:
        """End the run: `wait` then raises RunStopped. Harmless when repeated or late."""
        self._stopped.set()
        self._arrivals.put(("stop", None))

    def wait(self, on_event: Callable[[dict], None]) -> None:
        """Pass every event to `on_event` until the child is done and its session is empty.

        Raises RunStopped after `stop` or an interrupt, and LabError when the experiment refuses, fails,
        dies or takes longer than `timeout_s`.
        """
        try:
            while (event := self._next())["event"] != "done":
                if event["event"] == "error":
                    self.close()  # what was printed comes through another pipe and is whole only at the end
                    raise LabError(event["sentence"], self._detail(event["detail"]))
                on_event(event)
        except KeyboardInterrupt:
            raise RunStopped(STOPPED) from None
        finally:
            self.close()

    def _next(self):
        """The next event; the child's exit and the end of its output count as failures when they come first."""
        while True:
            left_s = max(0, self._deadline - time.monotonic())
            try:  # a second at most: an interrupt that comes just before the wait does not end the wait
                what, value = self._arrivals.get(timeout=min(1, left_s))
            except queue.Empty:
                if left_s > 1:
                    continue
                if self._exited:  # a daemon of the task's, in a session of its own, holds the pipe
                    raise self._died() from None
                raise LabError(
                    f"the run was ended after {self._timeout_s:g} s without finishing; "
                    f"ask for less work, or for more time with timeout_s",
                    self._detail(),
                ) from None
            if self._stopped.is_set():  # also before events that arrived earlier: Stop means now
                raise RunStopped(STOPPED)
            if what == "event":
                return value
            if what == "end":
                raise self._died()
            # The child's exit. Its orphans may hold its pipe open: end them, so that "end" arrives after
            # whatever events the pipe still holds.
            self._end_session()
            self._exited, self._deadline = True, time.monotonic() + LAST_EVENTS_S

    def _died(self):
        self.close()
        code = self._process.returncode
        fate = f"exit code {code}" if code is None or code >= 0 else f"killed by {_signal_name(-code)}"
        return LabError(f"the experiment's process ended before it was done ({fate})", self._detail())

    def _detail(self, text=""):
        printed = self._printed.decode(errors="replace").strip()
        return "\n".join(part for part in (text.strip(), printed and f"It printed:\n{printed}") if part)

    def _read_events(self):
        # A child that is killed while it writes leaves half a line: its end says more.
        with self._process.stdout as pipe, contextlib.suppress(ValueError):
            for line in pipe:
                self._arrivals.put(("event", json.loads(line)))
        self._arrivals.put(("end", None))

    def _read_printed(self):
        with self._process.stderr as pipe:
            while part := pipe.read1(4096):
                self._printed = (self._printed + part)[-KEPT_OUTPUT:]

    def _await_exit(self):
        self._process.wait()
        self._arrivals.put(("exit", None))

    def close(self) -> None:
        """Leave nothing behind: no process of the session, no thread, no open pipe, no file. May be repeated."""
        if not self._process or self._process.stdin.closed:
            self._scratch.cleanup()
            return
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0 if sys.exc_info()[0] else 2)  # a child that is done leaves by itself
            self._end_session()
        finally:  # if this is interrupted, too, the watchdog ends the session
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        for thread in self._threads:
            thread.join(1)  # a reader closes its pipe at the end of file, unless a task's daemon holds it open
        self._scratch.cleanup()

    def _end_session(self):
        if os.name == "nt":
            _kill_tree(self._process)
            return
        for number, spared, patience_s in (
            (signal.SIGTERM, "", GRACE_S),
            (signal.SIGKILL, RESOURCE_TRACKER, 5),
            (signal.SIGKILL, "", 5),
        ):
            for pid in alive(self.pid):
                if not spared or spared not in _command(pid):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, number)
            deadline = time.monotonic() + patience_s
            while alive(self.pid):
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            else:
                return


def _signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal between the first and the last
        return f"signal {number}"


def alive(session: int) -> list[int]:
    """The pids in a session that still run.

    A zombie whose parent never waits for it (in a container without an init) answers kill(pid, 0) for ever.
    """
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def _command(pid):
    """A process's command line; "" where it cannot be read."""
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def _kill_tree(process):
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        family = psutil.Process(process.pid).children(recursive=True)
        for member in family:
            member.kill()
    process.kill()
    process.wait()


def _environment():
    """The kernel's, with one BLAS thread, unbuffered prints, and conc_lab importable if it is not installed."""
    here = Path(__file__).parents[2]
    paths = [os.environ.get("PYTHONPATH", "")]
    if here.name not in ("site-packages", "dist-packages"):
        paths.insert(0, str(here))
    return (
        os.environ
        | ONE_THREAD
        | {
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
    )
