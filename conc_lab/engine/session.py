"""The kernel's end of one child interpreter: a session of its own, so that all it starts can be found and ended."""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import helper, pythons
from .errors import LabError, RunStopped, cannot_start, died

GRACE_S = 0.6  # between SIGTERM and SIGKILL
# Removes the names of semaphores and shared memory when the others are gone, and then leaves by itself.
# On a busy machine it may only just have begun to start: it is killed last.
RESOURCE_TRACKER = "multiprocessing.resource_tracker"
MARK = "CONC_LAB_SCRATCH"  # in the environment of all that a run starts: the folder of its temporary files
STOPPED = "the run was stopped before it finished: run it again to measure"
LOOK_S = 0.1  # an interrupt, or an exit that is hidden by a pipe which stays open, is noticed as late as this
LAST_EVENTS_S = 1  # after the child's exit, for the events that its pipe still holds
KEPT_OUTPUT = 8192  # bytes of what the task printed, for the error message
BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ONE_THREAD = dict.fromkeys(BLAS, "1")
# Of a scheduler whose workers are all gone; by default it waits forever.
GIVES_UP = {"DASK_DISTRIBUTED__SCHEDULER__NO_WORKERS_TIMEOUT": "20s"}


class Run:
    """One experiment in one child: `wait` reads its events until it ends, `stop` ends it from any thread."""

    def __init__(self, experiment: str, params: dict, timeout_s: float, pause_s=0.0, python=None, scheduler=None):
        self._timeout_s, self._deadline = timeout_s, time.monotonic() + timeout_s
        self._events, self._printed, self._process, self._stopped = queue.SimpleQueue(), b"", None, False
        try:
            spec = dict(name=experiment, params=params, folder=os.getcwd(), pause_s=pause_s, scheduler=scheduler)
            # A child that is killed cannot remove its temporary files: a task's data, forkserver's socket.
            # The name is short because a socket's path may have no more than 104 characters on macOS.
            self._scratch = tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True)
        except OSError as error:
            gone = f"the notebook's folder is gone, or no temporary folder can be made ({error.strerror})"
            raise LabError(f"{gone}: open the notebook again, make room, or set TMPDIR to another folder") from error
        # stdin: its closing ends the watchdog
        pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
        variables = environment(python, self._scratch.name)
        variables |= dict.fromkeys(("TMPDIR", "TEMP", "TMP", MARK), self._scratch.name)
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_events, self._read_printed)]
        try:
            self._process = helper.start("engine.child", spec, python=python, env=variables, **pipes)
            self.pid = self._process.pid  # also its session's and its process group's
            for reader in self._readers:
                reader.start()
        except BaseException as error:
            self.close()
            if isinstance(error, RuntimeError):
                raise LabError(cannot_start("the threads that watch a run", error)) from error
            raise

    def stop(self) -> None:
        """End the run: `wait` then raises RunStopped. Harmless when repeated or late."""
        self._stopped = True
        self._events.put(None)

    def wait(self, on_event: Callable[[dict], None]) -> dict:
        """Pass every event to `on_event` until the child is done and its session is empty; return the last.

        Raises RunStopped after `stop`, and LabError when the experiment refuses, fails, dies or takes longer than
        `timeout_s`.
        """
        try:
            while (event := self._next())["event"] not in ("done", "failed"):
                on_event(event)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)  # it leaves by itself
        finally:
            self.close()
        if event["event"] == "failed":
            printed = self._printed.decode(errors="replace").strip()  # whole only now: it comes through another pipe
            parts = [event["detail"].strip(), printed and f"It printed:\n{printed}"]
            raise LabError(event["error"], "\n".join(filter(None, parts)))
        return event

    def _next(self):
        """The next event; that the child has ended, or that its time is over, is a failure."""
        while True:
            left_s = max(0, self._deadline - time.monotonic())
            with contextlib.suppress(queue.Empty):
                event = self._events.get(timeout=min(LOOK_S, left_s))
                if self._stopped:  # also before events that arrived earlier: Stop means now
                    raise RunStopped(STOPPED)
                return event
            ended = self._process.poll() is not None
            if ended or not left_s:
                # Its orphans may hold its pipe open: end them, so that the events that it still holds come first.
                self._end_session()
                self._readers[0].join(LAST_EVENTS_S)
                late = (
                    f"the run did not finish within {self._timeout_s:g} s: ask for less work, or set timeout_s higher"
                )
                error = died("the experiment's process", self._process.returncode) if ended else late
                self._events.put({"event": "failed", "error": error, "detail": ""})

    def _read_events(self):
        # A child that is killed while it writes leaves half a line: its end says more.
        with self._process.stdout as pipe, contextlib.suppress(ValueError):
            for line in pipe:
                self._events.put(json.loads(line))

    def _read_printed(self):
        with self._process.stderr as pipe:
            while part := pipe.read1(4096):
                self._printed = (self._printed + part)[-KEPT_OUTPUT:]

    def close(self) -> None:
        """Leave nothing behind: no process of the run, no thread, no open pipe, no file. May be repeated."""
        if self._process and not self._process.stdin.closed:
            try:
                self._end_session()
                self._process.wait(5)
            finally:  # if this is interrupted, too, the watchdog ends the session
                self._process.stdin.close()
            for reader, pipe in zip(self._readers, (self._process.stdout, self._process.stderr), strict=True):
                if reader.ident:
                    reader.join(1)  # it closes its pipe at the end of file, unless a daemon holds it open
                else:
                    pipe.close()
        self._scratch.cleanup()

    def _end_session(self):
        """SIGTERM, a grace, SIGKILL; for all that the run has started, in whatever session it is."""
        import psutil

        for end, spared, patience_s in (("terminate", "", GRACE_S), ("kill", RESOURCE_TRACKER, 5), ("kill", "", 5)):
            deadline = time.monotonic() + patience_s
            for process in alive(self._process.pid, self._scratch.name, spared):
                with contextlib.suppress(psutil.Error):
                    getattr(process, end)()
            while (left := alive(self._process.pid, self._scratch.name)) and time.monotonic() < deadline:
                time.sleep(0.02)
            if not left:
                return


def alive(session: int, mark: str | None = None, spared: str = "") -> list:
    """The processes (psutil's) that still run in a session, or with this mark in their environment, in any session.

    One with `spared` in its command line is left out. A zombie whose parent never waits for it (in a container without
    an init) is none of them. Windows has no sessions: there the mark tells.
    """
    import psutil

    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = hasattr(os, "getsid") and os.getsid(process.pid) == session
            ours = ours or (mark and process.environ().get(MARK) == mark)
            spare = spared and spared in " ".join(process.cmdline())
            if ours and not spare and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def environment(python: str | None = None, scratch: str = "") -> dict[str, str]:
    """The kernel's, with one BLAS thread, unbuffered prints, and conc_lab importable if it is not installed.

    Bytecode is kept whatever the kernel does: each spawned worker would compile our modules, which takes 0.6 MB.
    python: the path of another Python, which finds conc_lab, and nothing else of ours, in a folder in `scratch`.
    """
    here, path = Path(__file__).parents[2], os.environ.get("PYTHONPATH", "")
    if python:  # the packages next to conc_lab are built for this Python: another's NumPy breaks
        path = _alone(here / "conc_lab", Path(scratch, "path"))
    elif here.name not in ("site-packages", "dist-packages"):
        path = os.pathsep.join(filter(None, (str(here), path)))
    kept = pythons.environment(pythons.facts(python)["free_threaded"]) if python else os.environ
    return kept | ONE_THREAD | GIVES_UP | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "", "PYTHONPATH": path}


def _alone(package, folder):
    """A new folder that holds this package only: a link to it, or a copy where links are not allowed."""
    folder.mkdir()
    try:
        (folder / package.name).symlink_to(package, target_is_directory=True)
    except OSError:
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.gz"))
    return str(folder)
