"""The worker's side of the sharing experiment: look at a thing, change it, say what was seen.

Imported by spawned workers and in subinterpreters, so it imports nothing that a bare one lacks. The parent
imports it too: its module values are what the two of them do, or do not, have in common.
"""

import os
import sys
import threading

IMPORTED, CHANGED = "as imported", "changed by the worker"
BYTES = 4  # that the worker reads from the file

value = written = IMPORTED
local = threading.local()


def identity():
    """The caller's process id, native thread id, and interpreter, by the process id and its number in there."""
    try:
        from concurrent.interpreters import get_current

        number = get_current().id
    except ImportError:  # before Python 3.14 no worker has one beside the main one
        number = 0
    return os.getpid(), threading.get_native_id(), (os.getpid(), number)


def look(name):
    """What this module holds under this name."""
    # Not globals()[name]: a subinterpreter gets a function that needs no name of its module as bare code.
    return getattr(sys.modules[__name__], name)


def write():
    """Change `written`."""
    global written
    written = CHANGED


def append(items):
    """Add an item to the list that was handed over, and say how many it then has."""
    items.append(CHANGED)
    return len(items)


def read(descriptor, device, inode):
    """Read from a descriptor of the parent's; False where its number names no file here, or another one."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (device, inode) and len(os.read(descriptor, BYTES)) == BYTES


def keep(kept, meanwhile=None):
    """What the local `kept` holds in the end; `meanwhile` is run while this call stands here."""
    if meanwhile is not None:
        meanwhile()
    return kept


def write_local():
    """What this thread had in the thread-local, or None; then change it."""
    had = getattr(local, "value", None)
    local.value = CHANGED
    return had
