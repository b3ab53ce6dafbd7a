"""What does a worker share with the program that started it, what is copied, and what is its own?

Method: change the thing on one side, then look from the other, never compare `id()`: an object's address is
the same in a forked copy. The file is this module's own, opened by the parent. It counts as the same one if device and
inode are (POSIX, fstat), and as shared if its offset moves for both (POSIX, fork: "open file description"). Nothing is
timed, so every run on the same Python and system gives the same rows.
"""

import os

from ...engine import pools
from ...engine.experiment import Rows, columns, progress
from ...engine.kinds import unavailable
from ...engine.parameters import Kinds
from . import worker

KINDS = ("threads", "spawn", "fork", "forkserver", "interpreters")
PID, THREAD, INTERPRETER = IDS = ("process id", "native thread id", "interpreter")
VALUE, WRITE, OBJECT = "value set before the start", "value the worker writes", "object handed over"
FILE, LOCALS, LOCAL = "open file", "local variables", "thread-local value"
THINGS = (*IDS, VALUE, WRITE, OBJECT, FILE, LOCALS, LOCAL)
WORKERS = 3  # whose ids are counted
SKIPS_KINDS = True
SET, LATER = "set before the start", "changed later"  # what the parent writes


def sharing(kinds: Kinds(*KINDS, help="how the worker is started") = ("threads", "spawn")) -> Rows:
    """Find out, for nine things, whether a worker of each kind shares them; one row is one thing for one kind.

    Columns: thing; kind; cell: "shared" (a change on one side is seen on the other), "copied" (the worker found
    what the parent had, and changes do not cross over), "re-imported" (it found what importing the module again
    makes), "own" (its own, unrelated to the parent's), "absent"; evidence: what was seen from both sides;
    different_ids: how many ids the parent and its workers have together, None where the thing is no id; reason: why
    this machine lacks the kind, else None (the cells of such a kind are absent, without evidence).
    """
    for number, kind in enumerate(kinds):
        progress(number / len(kinds), f"looking from both sides: {kind}")
        reason, absent = unavailable(kind), [(thing, "absent", None, None) for thing in THINGS]
        for thing, *answers in absent if reason else [*_identities(kind), *_conversation(kind)]:
            yield dict(zip(columns("sharing"), (thing, kind, *answers, reason), strict=True))


def _identities(kind):
    """Of the ids of several workers and the parent's: (thing, cell, evidence, how many different ones)."""
    with pools.opened(kind, WORKERS) as pool:
        identities = [*pool.together(worker.identity), worker.identity()]
    for thing, ids in zip(IDS, zip(*identities, strict=True), strict=True):
        count = len(set(ids))
        yield thing, "shared" if count == 1 else "own", f"{WORKERS} workers and the parent have {count} together", count


def _conversation(kind):
    """Of what one worker and its parent have after a change on one side: (thing, cell, evidence, None)."""
    worker.value, worker.written, worker.local.value = SET, worker.IMPORTED, SET
    handed, kept = [SET], []
    with open(__file__, "rb", buffering=0) as file, pools.opened(kind, 1) as pool:
        first = pool.ask(worker.look)
        worker.value = LATER
        value, written, items, read, local = pool.ask(worker.change, handed, file.fileno(), os.fstat(file.fileno()))
        ours = worker.keep(SET, lambda: kept.append(pool.ask(worker.keep, worker.CHANGED)))  # both stand in `keep`
        offset = f"offset {file.tell()}"
    answers = [  # what is said of a thing that is not shared; what the worker has of it; what the parent has
        (VALUE, "copied" if first == SET else "re-imported", value, worker.value),
        (WRITE, "own", written, worker.written),
        (OBJECT, "copied", items, handed),
        (FILE, "absent" if read == worker.NO_FILE else "copied", read, offset),
        (LOCALS, "own", kept[0], ours),
        (LOCAL, "copied" if SET in local else "own", local, worker.local.value),
    ]
    for thing, otherwise, theirs, ours in answers:
        cell = "shared" if theirs == ours else otherwise
        yield thing, cell, f"after a change on one side the worker has {theirs!r}, the parent {ours!r}", None
