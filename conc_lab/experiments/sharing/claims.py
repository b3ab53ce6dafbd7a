"""What the sharing table makes of the claims on processes and threads, and on what each has for itself."""

from ...drawing import words
from ...drawing.verdict import Verdict, decides, first
from ...engine.result import Result
from ..memory import chart as memory
from .chart import summary
from .measure import FILE, LOCALS, OBJECT, PID, THREAD, VALUE, WORKERS, WRITE


@decides("C1")
def who_contains_whom(shared: Result) -> Verdict:
    """The process ids and thread ids of three workers and their parent."""
    ids = shared.frame.pivot(index="thing", columns="kind", values="different_ids").loc[[PID, THREAD]].astype(int)
    names = ("process id", "thread id")
    threads, spawn = (", ".join(map(words.count, ids[kind], names)) for kind in ("threads", "spawn"))
    figure = f"three threads and their parent: {threads}; three spawned processes and their parent: {spawn}"
    cpus = words.count(shared.machine["usable_cpus"], "usable CPU")
    why = f"one process holds all the threads; and processors are another matter: both kinds ran here, on {cpus}"
    held = (ids.threads[PID], ids.spawn[PID]) == (1, 1 + WORKERS)
    return first(figure, (held, "does not hold", why), (True, "holds", "each thread had a process of its own"))


@decides("C2")
def what_threads_share(shared: Result) -> Verdict:
    """What threads share, and what each has to itself."""
    cells = summary(shared).threads[[VALUE, WRITE, OBJECT, FILE, LOCALS]]
    figure = ", ".join(cells.index + " " + cells)
    if list(cells == "shared") == [True, True, True, True, False]:
        return Verdict("holds", "the objects on the heap are shared as well", figure)
    return Verdict("does not hold", "not all of it came out as the claim says", figure)


@decides("C3")
def what_processes_replicate(shared: Result, kept: Result) -> Verdict:
    """What processes have of the parent's, by start method, and what each adds."""
    cells = summary(shared).loc[[VALUE, OBJECT, FILE]].filter(regex="fork|spawn")
    each = memory.summary(kept).drop_duplicates("kind").set_index("kind").each_bytes
    by, parts = memory.meter(kept.frame).upper(), []
    for method, cell in cells.items():
        adds = f", one more adds {memory.megabytes(each[method])} MB by {by}" if method in each else ""
        parts.append(f"{method}: a module's value {cell[VALUE]}, open file {cell[FILE]}{adds}")
    return first(
        "; ".join(parts),
        (cells.nunique(axis=1).max() > 1, "depends", "on the start method"),
        ((cells == "copied").all(axis=None), "holds", "under every start method that is here"),
        (len(parts) == 1, "cannot tell", "it has the start method spawn only, and others differ"),
        (True, "does not hold", "under every start method that is here"),
    )
