"""What does a worker share with the program that started it, what is copied, and what is its own?

Method: change the thing on one side, then look from the other, never compare `id()`: an object's address is
the same in a forked copy, and can be in another interpreter. A file counts as the same one if device and inode
are (POSIX, fstat), and as shared if its offset moves for both (POSIX, fork: "open file description"). Nothing is
timed, so every run on the same Python and system gives the same rows.
"""

import os
import tempfile
from collections.abc import Iterator

from ...engine import pools
from ...engine.errors import LabError
from ...engine.experiment import Progress
from ...engine.kinds import unavailable
from ...engine.parameters import Kinds
from . import worker

KINDS = ("threads", "spawn", "fork", "forkserver", "interpreters")
PID, THREAD, INTERPRETER = "process id", "native thread id", "interpreter"
VALUE, WRITE, OBJECT = "value set before the start", "value the worker writes", "object handed over"
FILE, LOCALS, LOCAL = "open file", "local variables", "thread-local value"
THINGS = (PID, THREAD, INTERPRETER, VALUE, WRITE, OBJECT, FILE, LOCALS, LOCAL)
WORKERS = 3  # whose ids are counted
SKIPS_KINDS = True
SET, LATER = "set before the start", "changed later"  # what the parent writes

COLUMNS = {"thing": "str", "kind": "str", "cell": "str", "evidence": "str?", "different_ids": "int?", "reason": "str?"}
SMALL = {}
RECORDED = {"table": {"kinds": [kind for kind in KINDS if not unavailable(kind)]}}


def sharing(
    kinds: Kinds(*KINDS, help="how the worker is started") = ("threads", "spawn"),
) -> Iterator[dict | Progress]:
    """Find out, for nine things, whether a worker of each kind shares them; one row is one thing for one kind.

    Columns: thing; kind; cell: "shared" (a change on one side is seen on the other), "copied" (the worker found
    what the parent had, and changes do not cross over), "re-imported" (it found what importing the module again
    makes), "own" (its own, unrelated to the parent's), "absent"; evidence: what was seen from both sides;
    different_ids: how many ids the parent and its workers have together, None where the thing is no id; reason: why
    this machine lacks the kind, else None (the cells of such a kind are absent, without evidence).
    """
    for number, kind in enumerate(kinds):
        yield Progress(number / len(kinds), f"looking from both sides: {kind}")
        reason = unavailable(kind)
        seen = dict.fromkeys(THINGS, (False, "absent", None)) if reason else _identities(kind) | _conversation(kind)
        for thing, (crossed, otherwise, evidence, *ids) in seen.items():
            row = {"thing": thing, "kind": kind, "cell": "shared" if crossed else otherwise, "evidence": evidence}
            yield row | {"different_ids": ids[0] if ids else None, "reason": reason}
    yield Progress(1, "looked from both sides", round_done=True)


def check(params, machine):
    """Refuse a run of which this machine could show nothing."""
    reasons = [unavailable(kind) for kind in params["kinds"]]
    if all(reasons):
        raise LabError("nothing to look at: " + "; ".join(dict.fromkeys(reasons)))


def _identities(kind):
    """The ids of several workers beside the parent's: {thing: (whether there is one, else, evidence, how many)}."""
    with pools.opened(kind, WORKERS) as pool:
        identities = [*pool.together(worker.identity), worker.identity()]
    seen = {}
    for thing, ids in zip((PID, THREAD, INTERPRETER), zip(*identities, strict=True), strict=True):
        count = len(set(ids))
        evidence = f"{WORKERS} workers and the parent have {count} {thing}{'s' * (count > 1)} together"
        seen[thing] = count == 1, "own", evidence, count
    return seen


def _conversation(kind):
    """What one worker and its parent see of each other's changes: {thing: (whether they do, else, evidence)}."""
    worker.value, worker.written, worker.local.value = SET, worker.IMPORTED, SET
    handed, theirs = [SET], []
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"." * 2 * worker.BYTES)
        file.seek(0)
        with pools.opened(kind, 1) as pool:
            first = pool.ask(worker.look, "value")
            worker.value = LATER
            second = pool.ask(worker.look, "value")
            pool.ask(worker.write)
            wrote = pool.ask(worker.look, "written")
            length = pool.ask(worker.append, handed)
            status = os.fstat(file.fileno())
            same = pool.ask(worker.read, file.fileno(), status.st_dev, status.st_ino)
            ours = worker.keep(SET, lambda: theirs.append(pool.ask(worker.keep, worker.CHANGED)))  # both stand here
            had = pool.ask(worker.write_local)
        offset = file.tell()
    of_value = f"the worker found {first!r}; after the parent's change, {second!r}"
    of_write = f"the worker wrote and read back {wrote!r}; the parent reads {worker.written!r}"
    of_object = f"the list has {length} items after the worker's append; the parent's has {len(handed)}"
    of_file = "the same file and read from it" if same else "no such file under the parent's descriptor"
    of_file = f"the worker found {of_file}; the parent's offset went from 0 to {offset}"
    of_locals = f"both ran the same function: the worker's local was {theirs[0]!r}, the parent's {ours!r}"
    of_local = f"the worker found {repr(had) if had else 'nothing'} and put {worker.CHANGED!r} there; "
    of_local += f"the parent has {worker.local.value!r}"
    return {
        VALUE: (second == LATER, "copied" if first == SET else "re-imported", of_value),
        WRITE: (worker.written == wrote, "own", of_write),
        OBJECT: (len(handed) == length, "copied", of_object),
        FILE: (same and offset == worker.BYTES, "copied" if same else "absent", of_file),
        LOCALS: (ours == theirs[0], "own", of_locals),
        LOCAL: (worker.local.value == worker.CHANGED, "copied" if had == SET else "own", of_local),
    }
