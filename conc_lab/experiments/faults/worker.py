"""What the two workers of a faults program do: one fails on purpose, the other finishes when it is told to.

Every spawned worker imports this module, so it imports little. Workers and program talk through empty files in the
program's own folder, which all kinds of worker on all platforms can do, and which leaves no lock that a dying worker
might hold.
"""

import ctypes
import os
import signal
import threading
import time

EXIT_CODE = 3
MEMORY_LIMIT = 64 << 30  # bytes of address space; nothing of it is touched
FAIL = {
    "raise": lambda: int("broken on purpose"),  # a ValueError
    "exit": lambda: os._exit(EXIT_CODE),
    "segfault": lambda: ctypes.string_at(0),  # reads the byte at address 0, which no program may
    "memory": lambda: bytearray(2 * MEMORY_LIMIT),
}


def fail(folder: str, fault: str) -> None:
    """The first worker's task: say who does it, wait for the word, and fail."""
    mark(folder, f"victim-{os.getpid()}")
    wait_for(folder, "fire")
    FAIL.get(fault, threading.Event().wait)()  # what hangs or is killed waits


def finish(folder: str, name: str, after: str) -> None:
    """The other worker's task: start, wait for the word, leave a sign of having finished."""
    mark(folder, f"started-{name}")
    wait_for(folder, after)
    mark(folder, name)


def let_through() -> None:
    """A pool's initializer: workers inherit that SIGTERM is held back while the pool is made."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def mark(folder: str, name: str) -> None:
    """Leave a file of this name."""
    open(os.path.join(folder, name), "x").close()


def wait_for(folder: str, beginning: str) -> str:
    """The rest of the name of the mark that begins so, once it is there."""
    while not (names := [name for name in os.listdir(folder) if name.startswith(beginning)]):
        time.sleep(0.005)
    return names[0].removeprefix(beginning)
