"""The worker's side of the sharing experiment: look at a thing, change it, say what was seen.

Imported by spawned workers and in subinterpreters, so it imports nothing that a bare one lacks. The parent
imports it too: its module values are what the two of them do, or do not, have in common.
"""

import importlib
import os
import threading

IMPORTED, CHANGED = "as imported", "changed by the worker"
BYTES = 4  # that the worker reads from the file

value = written = IMPORTED
local = threading.local()


def interpreter():
    """(process id, id of the interpreter in it) of the caller."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # from 3.13, before
        try:
            current = importlib.import_module(name).get_current()
        except ImportError:
            continue
        return os.getpid(), int(current[0] if isinstance(current, tuple) else current)
    return os.getpid(), 0  # a Python without subinterpreters has one


def look():
    """What this module holds under `value`."""
    return value


def write():
    """Change `written`."""
    global written
    written = CHANGED


def look_at_written():
    return written


def append(items):
    """Add an item to the list that was handed over, and say how many it then has."""
    items.append(CHANGED)
    return len(items)


def read(descriptor, identity):
    """Read from a descriptor of the parent's; False where its number names no file here, or another one."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == identity and len(os.read(descriptor, BYTES)) == BYTES


def keep(mine, meanwhile=None):
    """What the local `mine` holds in the end; `meanwhile` is run while this call stands here."""
    if meanwhile is not None:
        meanwhile()
    return mine


def write_local():
    """What this thread had in the thread-local, or None; then change it."""
    found = getattr(local, "value", None)
    local.value = CHANGED
    return found
