"""The kernel's end of one child interpreter: a session of its own, so that all it starts can be found and ended.

A run is "running", then "done", "failed" (the experiment refuses or its task raises), "died" (the child ended before
it was done), "late" (it took longer than it may) or "stopped".
"""

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import helper
from .errors import LabError, RunStopped, cannot_start, died

GRACE_S = 0.6  # between SIGTERM and SIGKILL
# Removes the names of semaphores and shared memory when the others are gone, and then leaves by itself.
# On a busy machine it may only just have begun to start: it is killed last.
RESOURCE_TRACKER = "multiprocessing.resource_tracker"
MARK = "CONC_LAB_SCRATCH"  # in the environment of all that a run starts: the folder of its temporary files
STOPPED = "the run was stopped before it was done; run it again to measure"
LOOK_S = 0.25  # an interrupt, or an exit that is hidden by a pipe which stays open, is noticed as late as this
LAST_EVENTS_S = 1  # after the child's exit, for the events that its pipe still holds
KEPT_OUTPUT = 8192  # bytes of what the task printed, for the error message
BLAS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
ONE_THREAD = dict.fromkeys(BLAS, "1")


class Run:
    """One experiment in one child: `wait` reads its events until it ends, `stop` ends it from any thread."""

    def __init__(self, experiment: str, params: dict, timeout_s: float, pause_s: float = 0):
        self.state = "running"
        self._timeout_s, self._deadline = timeout_s, time.monotonic() + timeout_s
        self._events, self._printed, self._process = queue.SimpleQueue(), b"", None
        try:
            spec = {"experiment": experiment, "params": params, "folder": os.getcwd(), "pause_s": pause_s}
            # A child that is killed cannot remove its temporary files: a task's data, forkserver's socket.
            # The name is short because a socket's path may have no more than 104 characters on macOS.
            self._scratch = tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True)
        except OSError as error:
            gone = f"the notebook's folder is gone, or no temporary folder can be made ({error.strerror})"
            cure = "open the notebook where it is now; make room, or set TMPDIR to a folder that can be written to"
            raise LabError(f"{gone}: {cure}") from error
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read_events, self._read_printed)]
        try:
            pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
            environment = _environment() | dict.fromkeys(("TMPDIR", "TEMP", "TMP", MARK), self._scratch.name)
            self._process = helper.start("engine.child", **pipes, env=environment, start_new_session=True)
            for thread in self._threads:
                thread.start()
            with contextlib.suppress(BrokenPipeError):  # the exit of the child says more
                self._process.stdin.write(json.dumps(spec).encode() + b"\n")
                self._process.stdin.flush()  # and stays open: its closing is what ends the watchdog
        except BaseException as error:
            self.close()
            if isinstance(error, RuntimeError):
                raise LabError(cannot_start("the threads that watch a run", error)) from error
            raise

    @property
    def pid(self) -> int:
        """The child's process id, which is also its session's and its process group's."""
        return self._process.pid

    def stop(self) -> None:
        """End the run: `wait` then raises RunStopped. Harmless when repeated or late."""
        if self.state == "running":
            self.state = "stopped"
        self._events.put(None)

    def wait(self, on_event: Callable[[dict], None]) -> None:
        """Pass every event to `on_event` until the child is done and its session is empty.

        Raises RunStopped after `stop` or an interrupt, and LabError when the experiment refuses, fails,
        dies or takes longer than `timeout_s`.
        """
        try:
            while self.state == "running":
                event = self._next()
                if self.state != "running":  # also before events that arrived earlier: Stop means now
                    break
                if event["event"] in ("done", "failed", "died", "late"):
                    self.state = event["event"]
                else:
                    on_event(event)
        except KeyboardInterrupt:
            self.state = "stopped"
        finally:
            self.close()  # what was printed comes through another pipe and is whole only at the end
        if self.state == "stopped":
            raise RunStopped(STOPPED)
        if self.state == "failed":
            raise LabError(event["sentence"], self._detail(event["detail"]))
        if self.state == "died":
            raise LabError(died("the experiment's process", self._process.returncode), self._detail())
        if self.state == "late":
            late = f"the run was ended after {self._timeout_s:g} s without finishing"
            raise LabError(f"{late}; ask for less work, or for more time with timeout_s", self._detail())

    def _next(self):
        """The next event; the child's exit, the end of its output and of its time are events as well."""
        exited = False
        while True:
            left_s = max(0, self._deadline - time.monotonic())
            with contextlib.suppress(queue.Empty):
                return self._events.get(timeout=min(LOOK_S, left_s))
            if left_s <= LOOK_S and time.monotonic() >= self._deadline:
                return {"event": "died" if exited else "late"}
            if not exited and self._process.poll() is not None:
                # Its orphans may hold its pipe open: end them, so that its end comes after the events it still holds.
                self._end_session()
                exited, self._deadline = True, time.monotonic() + LAST_EVENTS_S

    def _detail(self, text=""):
        printed = self._printed.decode(errors="replace").strip()
        return "\n".join(part for part in (text.strip(), printed and f"It printed:\n{printed}") if part)

    def _read_events(self):
        # A child that is killed while it writes leaves half a line: its end says more.
        with self._process.stdout as pipe, contextlib.suppress(ValueError):
            for line in pipe:
                self._events.put(json.loads(line))
        self._events.put({"event": "died"})

    def _read_printed(self):
        with self._process.stderr as pipe:
            while part := pipe.read1(4096):
                self._printed = (self._printed + part)[-KEPT_OUTPUT:]

    def close(self) -> None:
        """Leave nothing behind: no process of the run, no thread, no open pipe, no file. May be repeated."""
        if self._process and not self._process.stdin.closed:
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(2 if self.state in ("done", "failed", "died") else 0)  # it leaves by itself
                self._end_session()
                self._process.wait(5)
            finally:  # if this is interrupted, too, the watchdog ends the session
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.close()
            for thread, pipe in zip(self._threads, (self._process.stdout, self._process.stderr), strict=True):
                if thread.ident:
                    thread.join(1)  # a reader closes its pipe at the end of file, unless a daemon holds it open
                else:
                    pipe.close()
        self._scratch.cleanup()

    def _end_session(self):
        """SIGTERM, a grace, SIGKILL; for all that the run has started, in whatever session it is."""
        import psutil

        for end, spared, patience_s in (("terminate", "", GRACE_S), ("kill", RESOURCE_TRACKER, 5), ("kill", "", 5)):
            deadline = time.monotonic() + patience_s
            for process in alive(self.pid, self._scratch.name, spared):
                with contextlib.suppress(psutil.Error):
                    getattr(process, end)()
            while (left := alive(self.pid, self._scratch.name)) and time.monotonic() < deadline:
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


def _environment():
    """The kernel's, with one BLAS thread, unbuffered prints, and conc_lab importable if it is not installed."""
    here, path = Path(__file__).parents[2], os.environ.get("PYTHONPATH", "")
    if here.name not in ("site-packages", "dist-packages"):
        path = os.pathsep.join(filter(None, (str(here), path)))
    return os.environ | ONE_THREAD | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": path}
