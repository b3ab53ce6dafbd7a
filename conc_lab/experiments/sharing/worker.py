"""The worker's side of the sharing experiment: look at a thing, change it, say what was seen.

Imported by spawned workers and in subinterpreters, so it imports nothing that a bare one lacks. The parent
imports it too: its module values are what the two of them do, or do not, have in common.
"""

import contextlib
import os
import sys
import threading

IMPORTED, CHANGED, NO_FILE = "as imported", "changed by the worker", "no such file"

value = written = IMPORTED
local = threading.local()


def identity():
    """The caller's process id, its native thread id, and what tells its interpreter from all others.

    That is the process and the address of the table of modules: each interpreter has one of its own, and two tables
    that are there at the same time have two addresses.
    """
    return os.getpid(), threading.get_native_id(), (os.getpid(), id(sys.modules))


def look():
    """What this module holds as `value`."""
    return value


def change(items, descriptor, status):
    """Change all that is not `value`; return `value`, and what this worker then has of the others."""
    global written
    written = CHANGED
    items.append(CHANGED)
    local.value = getattr(local, "value", "nothing"), CHANGED
    return value, written, items, read(descriptor, status), local.value


def read(descriptor, status):
    """Read from the parent's file and say where it then stands, if the descriptor's number names that file here."""
    with contextlib.suppress(OSError):
        if os.path.samestat(os.fstat(descriptor), status):
            os.read(descriptor, 4)
            return f"offset {os.lseek(descriptor, 0, os.SEEK_CUR)}"
    return NO_FILE


def keep(kept, meanwhile=lambda: None):
    """What the local `kept` holds in the end; `meanwhile` is run while this call stands here."""
    meanwhile()
    return kept
