"""What does a worker share with the program that started it, what is copied, and what is its own?

Method: change the thing on one side, then look from the other, never compare `id()`: an object's address is
the same in a forked copy, and can be in another interpreter. A file counts as the same one if device and inode
are (POSIX, fstat), and as shared if its offset moves for both (POSIX, fork: "open file description"). Nothing is
timed, so every run on the same Python and system gives the same rows.
"""

import os
import tempfile
from collections.abc import Iterator

from . import worker as far
from ...engine import in_worker as _worker, pools as executors
from ...engine.errors import LabError
from ...engine.parameters import OneOf, Several
from ...engine.experiment import Progress

KINDS = {  # how a worker is started: the executor and its start method
    "thread": ("threads", None),
    "spawn": ("processes", "spawn"),
    "fork": ("processes", "fork"),
    "forkserver": ("processes", "forkserver"),
    "subinterpreter": ("interpreters", None),
}
PID, THREAD, INTERPRETER = "process id", "native thread id", "interpreter"
VALUE, WRITE, OBJECT = "value set before the start", "value the worker writes", "object handed over"
FILE, LOCALS, LOCAL = "open file", "local variables", "thread-local value"
THINGS = (PID, THREAD, INTERPRETER, VALUE, WRITE, OBJECT, FILE, LOCALS, LOCAL)
WORKERS = 3  # whose process and thread ids are counted
SET, LATER = "set before the start", "changed later"  # what the parent writes
PARENTS, IMPORTS, ITS_OWN, NOTHING = "copied", "re-imported", "own", "absent"  # what a worker may have found


def sharing(
    kinds: Several(OneOf(lambda: list(KINDS), "how the worker is started"), "kind") = ("thread", "spawn"),
) -> Iterator[dict | Progress]:
    """Find out, for nine things, whether a worker of each kind shares them; one row is one thing for one kind.

    Columns: thing; kind; cell: "shared" (a change on one side is seen on the other), "copied" (the worker found
    what the parent had, and changes do not cross over), "re-imported" (it found what importing the module again
    makes), "own" (it has one that owes nothing to the parent's), "absent"; evidence: what was seen from both
    sides; different_ids: how many ids the parent and its workers have together, None where the thing is no id;
    reason: why this machine lacks the kind, else None (the cells of such a kind are absent, without evidence).
    """
    for number, kind in enumerate(kinds):
        yield Progress(number / len(kinds), f"looking from both sides: {kind}")
        if reason := executors.unavailable(*KINDS[kind]):
            seen = dict.fromkeys(THINGS, (NOTHING, None))
        else:
            seen = _identities(*KINDS[kind]) | _conversation(*KINDS[kind])
        for thing in THINGS:
            cell, evidence, *ids = seen[thing]
            row = {"thing": thing, "kind": kind, "cell": cell, "evidence": evidence}
            yield row | {"different_ids": ids[0] if ids else None, "reason": reason}
    yield Progress(1, "looked from both sides", round_done=True)


def check(params, machine):
    """Refuse a run of which this machine could show nothing, and workers that the memory does not hold."""
    reasons = {kind: executors.unavailable(*KINDS[kind]) for kind in params["kinds"]}
    if all(reasons.values()):
        raise LabError("nothing to look at: " + "; ".join(dict.fromkeys(reasons.values())))
    for kind in params["kinds"]:
        if KINDS[kind][0] == "processes" and not reasons[kind]:
            executors.check_room(WORKERS, KINDS[kind][1], 0, machine)


def judged(crossed: bool, found: str) -> str:
    """The cell: "shared" where a change crossed over from one side to the other, else what the worker had found."""
    return "shared" if crossed else found


def _identities(kind, start_method):
    """The process and thread ids of several workers beside the parent's."""
    with executors.open_crew(kind, WORKERS, start_method) as crew:
        usages = [*crew.meet(), _worker.usage(crew.scope)]
    return {
        PID: _counted([one.pid for one in usages], "process id"),
        THREAD: _counted([one.thread_id for one in usages], "thread id"),
    }


def _counted(ids, what):
    different = len(set(ids))
    evidence = f"{len(ids) - 1} worker{'s' * (len(ids) > 2)} and the parent have {different} {what}"
    return judged(different == 1, ITS_OWN), evidence + "s" * (different > 1) + " together", different


def _conversation(kind, start_method):
    """What one worker and its parent see of each other's changes: {thing: (cell, evidence)}."""
    far.value, far.written, far.local.value = SET, far.IMPORTED, SET
    handed = [SET]
    with _file() as file, executors.open_crew(kind, 1, start_method) as crew:
        seen = {INTERPRETER: _counted([crew.ask(far.interpreter), far.interpreter()], "interpreter")}
        first = crew.ask(far.look)
        far.value = LATER
        second = crew.ask(far.look)
        crew.ask(far.write)
        kept = crew.ask(far.look_at_written)
        length = crew.ask(far.append, handed)
        status = os.fstat(file.fileno())
        same = crew.ask(far.read, file.fileno(), (status.st_dev, status.st_ino))
        offset = os.lseek(file.fileno(), 0, os.SEEK_CUR)
        theirs = []
        mine = far.keep(SET, lambda: theirs.append(crew.ask(far.keep, far.CHANGED)))  # both calls stand at once
        had = crew.ask(far.write_local)
    found = {SET: PARENTS, far.IMPORTED: IMPORTS}[first]
    opened = "the same file and read from it" if same else "no such file under the parent's descriptor"
    return seen | {
        VALUE: (judged(second == LATER, found), f"the worker found {first!r}; after the parent's change, {second!r}"),
        WRITE: (
            judged(far.written == kept, ITS_OWN),
            f"the worker wrote and read back {kept!r}; the parent reads {far.written!r}",
        ),
        OBJECT: (
            judged(len(handed) == length, PARENTS),
            f"the list has {length} items after the worker's append; the parent's has {len(handed)}",
        ),
        FILE: (
            judged(same and offset == far.BYTES, PARENTS if same else NOTHING),
            f"the worker found {opened}; the parent's offset went from 0 to {offset}",
        ),
        LOCALS: (
            judged(mine == theirs[0], ITS_OWN),
            f"both ran the same function: the worker's local was {theirs[0]!r}, the parent's {mine!r}",
        ),
        LOCAL: (
            judged(far.local.value == far.CHANGED, PARENTS if had == SET else ITS_OWN),
            f"the worker found {repr(had) if had else 'nothing'} and put {far.CHANGED!r} there; "
            f"the parent has {far.local.value!r}",
        ),
    }


def _file():
    """A file of a few bytes, open at offset 0, that vanishes when it is closed."""
    try:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (the caller closes it)
        file.write(b"." * 2 * far.BYTES)
    except OSError as error:
        raise LabError(f"no temporary file could be written ({error.strerror}); make room for one") from error
    file.seek(0)
    return file
