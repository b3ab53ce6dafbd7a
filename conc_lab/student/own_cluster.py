"""A Dask cluster as one is made on many machines, by Dask's two commands, but with all of it on this one."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from ..engine import kinds, session

HERE = "127.0.0.1"


@contextlib.contextmanager
def own_cluster(workers: int = 2) -> Iterator[str | None]:
    """Start a scheduler and so many workers, each a program of its own with one thread, and end them on leaving.

    Prints the commands and yields the scheduler's address; None, after a sentence, where `distributed` is missing.
    """
    if problem := kinds.unavailable("dask"):
        print(f"There is no cluster here: {problem}")
        yield None
        return
    port, dashboard = _free_port(), _free_port()
    address, listens = f"tcp://{HERE}:{port}", ("--host", HERE, "--port", port, "--dashboard-address")
    # A scheduler that nobody ends, because the notebook was killed, ends by itself, and its workers after it.
    commands = [("scheduler", *listens, f"{HERE}:{dashboard}", "--idle-timeout", "10m")]
    one_thread = "--host", HERE, "--nthreads", "1", "--no-dashboard"
    commands += [("worker", address, *one_thread, "--death-timeout", "10")] * workers
    with tempfile.TemporaryDirectory(prefix="d-", ignore_cleanup_errors=True) as folder, contextlib.ExitStack() as ends:
        how = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL) | {"start_new_session": True}
        env = os.environ | session.GIVES_UP | {"DASK_TEMPORARY_DIRECTORY": folder}
        for words in commands:
            print("dask", *words)
            ends.callback(_end, subprocess.Popen([sys.executable, "-m", "dask", *words], env=env, cwd=folder, **how))
        print(f"dashboard: http://{HERE}:{dashboard}/status")
        yield address


def _free_port():
    with socket.create_server((HERE, 0)) as one:
        return str(one.getsockname()[1])


def _end(program):
    """End all of a program's session: a worker has a process that watches it."""
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(5)
    for process in session.alive(program.pid):
        process.kill()
    program.wait()
