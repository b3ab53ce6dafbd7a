"""A Dask cluster as one is made on many machines, by the two commands for it, but with all of it on this one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..engine import kinds
from ..engine.errors import LabError, cannot_start

START_S = 60  # of a scheduler or a worker, however busy the machine
IDLE = "10 minutes"  # a scheduler that nobody uses any more, say after the notebook's end, ends itself and its workers


@contextlib.contextmanager
def own_cluster(workers: int = 2) -> Iterator[str | None]:
    """Start a scheduler and so many workers, each a program of its own with one thread, and end them on leaving.

    Prints the commands, and yields the scheduler's address; None, after a sentence, where `distributed` is missing.
    Raises LabError where one of them does not start.
    """
    if problem := kinds.unavailable("dask"):
        print(f"There is no cluster here: {problem}.")
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="dask-", ignore_cleanup_errors=True) as folder,
        contextlib.ExitStack() as end,
    ):
        file = Path(folder, "scheduler.json")
        listens = ("--host", "127.0.0.1", "--port", 0, "--dashboard-address", "127.0.0.1:0", "--scheduler-file", file)
        end.enter_context(_program(folder, "scheduler", *listens, "--idle-timeout", IDLE))
        address = _soon(lambda: file.exists() and json.loads(file.read_text())["address"], "scheduler")
        print(f"dask scheduler --host 127.0.0.1    # {address}")
        for _ in range(workers):
            waits = ("--no-dashboard", "--death-timeout", 10, "--local-directory", folder)
            end.enter_context(_program(folder, "worker", address, "--host", "127.0.0.1", "--nthreads", 1, *waits))
            print(f"dask worker {address} --nthreads 1")
        from ..engine import dask_pool

        with dask_pool.connected(address) as client:
            _soon(lambda: len(client.nthreads()) >= workers, "worker")
            print(f"its dashboard: {client.dashboard_link}")
        yield address


@contextlib.contextmanager
def _program(folder, *words):
    """One of Dask's commands in a session of its own, all of which is ended: a worker is watched by a second process."""
    quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    command = [sys.executable, "-m", "dask", *map(str, words)]
    try:
        program = subprocess.Popen(command, cwd=folder, start_new_session=True, **quiet)
    except OSError as error:
        raise LabError(cannot_start("Dask", error)) from error
    try:
        yield
    finally:
        program.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(5)
        if os.name != "nt":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
        program.kill()
        program.wait()


def _soon(there, what):
    """What there() returns as soon as it is true; a LabError after a long time."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ValueError):  # the file is not whole yet
            if found := there():
                return found
        time.sleep(0.05)
    raise LabError(f"no {what} of Dask's was there within {START_S} s: close other programs, and run the cell again")
