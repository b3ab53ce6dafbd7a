"""What the sharing table makes of the claims on processes and threads, and on what each has for itself."""

from ...drawing import words
from ...drawing.verdict import Verdict, decides
from ...engine.kinds import START_METHODS
from ...engine.result import Result
from ..memory import chart as memory
from .chart import summary
from .measure import FILE, LOCALS, OBJECT, PID, THREAD, VALUE, WORKERS, WRITE


@decides("C1")
def who_contains_whom(shared: Result) -> Verdict:
    """The process ids and thread ids of three workers and their parent."""
    ids = shared.frame.pivot(index="kind", columns="thing", values="different_ids")[[PID, THREAD]].dropna().astype(int)
    told = {i.Index: f"{words.count(i[1], 'process id')}, {words.count(i[2], 'thread id')}" for i in ids.itertuples()}
    three = words.NUMBERS[WORKERS - 1]
    figure = f"{three} threads and their parent: {told['threads']}; "
    figure += f"{three} spawned processes and their parent: {told['spawn']}"
    if (ids[PID].threads, ids[PID].spawn) == (1, 1 + WORKERS):
        cpus = words.count(shared.machine["usable_cpus"], "usable CPU")
        why = f"one process holds all the threads; and processors are another matter: both kinds ran here, on {cpus}"
        return Verdict("does not hold", why, figure)
    return Verdict("holds", "each thread had a process of its own", figure)


@decides("C2")
def what_threads_share(shared: Result) -> Verdict:
    """What threads share, and what each has to itself."""
    cells, common = summary(shared).threads, [VALUE, WRITE, OBJECT, FILE]
    figure = ", ".join(f"{thing} {cells[thing]}" for thing in [*common, LOCALS])
    if (cells[common] == "shared").all() and cells[LOCALS] != "shared":
        return Verdict("holds", "the objects on the heap are shared as well", figure)
    return Verdict("does not hold", "not all of it came out as the claim says", figure)


@decides("C3")
def what_processes_replicate(shared: Result, kept: Result) -> Verdict:
    """What processes have of the parent's, by start method, and what each adds."""
    cells = summary(shared).loc[:, lambda cells: cells.columns.isin(START_METHODS)]
    each = memory.summary(kept).drop_duplicates("kind").set_index("kind").each_bytes
    by = memory.meter(kept.frame).upper()
    parts = []
    for method, cell in cells.items():
        adds = f", one more adds {memory.megabytes(each[method])} MB by {by}" if method in each else ""
        parts.append(f"{method}: a module's value {cell[VALUE]}, open file {cell[FILE]}{adds}")
    figure, ways = "; ".join(parts), cells.loc[[VALUE, OBJECT, FILE]]
    if ways.nunique(axis=1).max() > 1:
        return Verdict("depends", "on the start method", figure)
    if (ways == "copied").all(axis=None):
        return Verdict("holds", "under every start method that is here", figure)
    if len(parts) == 1:
        return Verdict("cannot tell", "it has the start method spawn only, and others differ", figure)
    return Verdict("does not hold", "under every start method that is here", figure)
