"""What does a worker cost to keep?

Method: each variant runs in a program of its own, a fresh interpreter that holds the parent's data. All its
processes, helpers included, are measured from outside before it starts its workers, and again when each worker
has acted. PSS divides a shared page among those who share it, so that its sum counts every page once (Linux,
`smaps_rollup` in proc_pid_smaps(5)); USS counts the pages that a process shares with nobody; RSS counts a
shared page in each process.
"""

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator

from ...engine import pools as executors, helper as programs
from ...engine.errors import LabError
from ...engine.parameters import ByProfile, Number, OneOf, Several
from ...engine.stats import grouped
from ...engine.experiment import ROUNDS, Progress, in_rounds

MB = 1_000_000
TOUCHES = ("untouched", "read", "written")
INSIDE = ("threads", "interpreters")  # kinds of worker that live inside the program's own process
# What the program takes, and a worker inside it, rounded up. Used to refuse what cannot fit, never shown.
PROGRAM_BYTES = 40 << 20
INSIDE_BYTES = {"threads": 1 << 20, "interpreters": 10 << 20}
NO_PSS = "{system} does not say how many processes share a page: no PSS"
NO_USS = "this system does not let one program see what memory another has to itself: no USS"


def kinds() -> list[str]:
    """Threads, one kind for each start method of this platform, and subinterpreters."""
    return ["threads", *executors.start_methods(), "interpreters"]


HERE = tuple(kind for kind in kinds() if kind not in INSIDE or not executors.unavailable(kind))


def memory(
    workers: Several(Number(1, 64, "how many workers"), "workers") = (1, 2, 4),
    kinds: Several(OneOf(kinds, "kinds of worker; a process by how it starts", executors.START_METHODS), "kind") = HERE,
    parent_data: OneOf(lambda: ("none", "bytes", "ints"), "what the program holds before its workers start") = "none",
    data_mb: Number(0, 100, "how much of it, in millions of bytes") = ByProfile(20, 100, 100),
    touch: Several(OneOf(lambda: TOUCHES, "what each worker does with the data"), "touch") = ("untouched",),
    rounds: ROUNDS = ByProfile(1, 3, 5),
) -> Iterator[dict | Progress]:
    """Measure the memory that workers add; one row is one variant in one round.

    bytes is a bytearray, ints a list of different ints. Threads and forked workers find the data where it is; the
    others make it anew if they are to read or write it. Columns: round, order, kind, workers, touch, data_bytes;
    processes (of the program, helpers included); rss_before_bytes,
    pss_before_bytes, uss_before_bytes (sums over all processes of the program before it starts workers),
    rss_bytes, pss_bytes, uss_bytes (the same when each worker has acted), others_uss_bytes (the last without the
    program's first process), worker_rss_bytes, worker_pss_bytes, worker_uss_bytes (median of the worker processes,
    None for workers inside the program), missing (why PSS or USS is None, else None). Raises LabError when a
    program fails.
    """
    size = 0 if parent_data == "none" else data_mb * MB
    variants = [(kind, number, how) for kind in kinds for number in workers for how in touch]
    for number, place, variant, progress in in_rounds(variants, rounds):
        yield {"round": number, "order": place} | _measured(*variant, parent_data, size)
        yield progress


def check(params, machine):
    """Refuse kinds that this Python lacks, touching no data, and more than the memory holds."""
    size = 0 if params["parent_data"] == "none" else params["data_mb"] * MB
    if params["parent_data"] == "none" and params["touch"] != ["untouched"]:
        raise LabError("with parent_data 'none' there is nothing to touch: choose bytes or ints, or touch 'untouched'")
    executors.check_free(
        f"a program with {size / MB:g} MB of data needs",
        PROGRAM_BYTES + size,
        f"at most {max(0, machine['memory_free_bytes'] - PROGRAM_BYTES) // MB} MB of data",
        machine,
    )
    left = {"memory_free_bytes": machine["memory_free_bytes"] - PROGRAM_BYTES - size}
    for kind in params["kinds"]:
        copy = size * max(_copies(kind, params["parent_data"], touch) for touch in params["touch"])
        if kind not in INSIDE:
            executors.check_room(max(params["workers"]), kind, copy, left)
        elif problem := executors.unavailable(kind):
            raise LabError(problem)
        else:
            executors.check_number(max(params["workers"]), kind, INSIDE_BYTES[kind] + copy, left)


def _copies(kind, form, touch):
    """How many copies of the data one worker may come to hold."""
    if touch == "untouched" or kind == "threads":
        return 0
    return 0 if (kind, form, touch) == ("fork", "bytes", "read") else 1


def _measured(kind, workers, touch, form, size):
    """Start a program, and measure it before and after it has workers."""
    executor, start_method = (kind, None) if kind in INSIDE else ("processes", kind)
    spec = {"kind": executor, "start_method": start_method, "workers": workers}
    spec |= {"form": form, "size": size, "touch": touch}
    what = f"the program that was to be measured with {kind}"
    with _program(json.dumps(spec)) as program:
        programs.heard(program, what)
        before = _sums(_tree(program.pid))
        program.stdin.write(b".")
        worker_pids = {int(word) for word in programs.heard(program, what)[1:]}
        tree = _tree(program.pid)
    row = {"kind": kind, "workers": workers, "touch": touch, "data_bytes": size, "processes": len(tree)}
    row |= {f"{meter}_before_bytes": value for meter, value in before.items()}
    row |= {f"{meter}_bytes": value for meter, value in _sums(tree).items()}
    row["others_uss_bytes"] = _sums({pid: each for pid, each in tree.items() if pid != program.pid})["uss"]
    mine = [] if kind in INSIDE else [tree[pid] for pid in worker_pids]
    for meter in ("rss", "pss", "uss"):
        values = [each[meter] for each in mine]
        row[f"worker_{meter}_bytes"] = statistics.median(values) if values and None not in values else None
    row["missing"] = _missing(row)
    return row


@contextlib.contextmanager
def _program(spec):
    program = programs.start("_memory_worker", spec, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    with program:
        try:
            yield program
        finally:
            if not program.stdin.closed:
                program.stdin.close()  # it then closes its workers and leaves


def _tree(pid):
    """{pid: {meter: bytes}} of a process and all below it."""
    import psutil

    root = psutil.Process(pid)
    return {process.pid: reading(process.pid) for process in [root, *root.children(recursive=True)]}


def reading(pid: int) -> dict[str, int | None]:
    """The rss, pss and uss of a process in bytes, None where the platform does not tell."""
    import psutil

    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            kib = {line.split()[0].rstrip(":"): int(line.split()[1]) for line in file.readlines()[1:]}
        own = kib["Private_Clean"] + kib["Private_Dirty"] + kib.get("Private_Hugetlb", 0)
        return {"rss": kib["Rss"] << 10, "pss": kib["Pss"] << 10, "uss": own << 10}
    try:
        full = psutil.Process(pid).memory_full_info()
    except (psutil.AccessDenied, NotImplementedError):  # macOS: another process's pages are the administrator's
        return {"rss": psutil.Process(pid).memory_info().rss, "pss": None, "uss": None}
    return {"rss": full.rss, "pss": getattr(full, "pss", None), "uss": getattr(full, "uss", None)}


def _sums(tree):
    columns = {meter: [each[meter] for each in tree.values()] for meter in ("rss", "pss", "uss")}
    return {meter: None if None in values else sum(values) for meter, values in columns.items()}


def _missing(row):
    if row["uss_bytes"] is None:
        return NO_USS
    system = {"win32": "Windows", "darwin": "macOS"}.get(sys.platform, "this system")
    return NO_PSS.format(system=system) if row["pss_bytes"] is None else None


def meter(rows: list[dict]) -> str:
    """The best meter that every row has: "pss", "uss" or "rss"."""
    return next(name for name in ("pss", "uss", "rss") if all(row[f"{name}_bytes"] is not None for row in rows))


def added(row: dict, by: str) -> int:
    """Bytes that the workers and their helpers added to the machine, as told by one meter.

    By PSS and RSS: the sum over the program now, less before. By USS: what the processes beside the program's
    first have to themselves, for what a fork shares is no longer the first one's own; and for workers inside it,
    what it has more than before.
    """
    if by == "uss" and row["kind"] not in INSIDE:
        return row["others_uss_bytes"]
    return row[f"{by}_bytes"] - row[f"{by}_before_bytes"]


def conclusions(rows: list[dict]) -> list[dict]:
    """One dict for each kind, touch and number of workers: medians over the rounds.

    kind, touch, workers; added_bytes by the best meter; rss_added_bytes; worker_uss_bytes, None without; and
    each_bytes, what one worker more adds: the slope from the fewest workers to the most, which leaves out the
    helpers that are started once, or with one number of workers the part of each, helpers included.
    """
    by, found = meter(rows), []
    variants = grouped(rows, "kind", "touch", "workers")
    places = ["threads", *executors.START_METHODS, "interpreters"]
    order = sorted(variants, key=lambda key: (places.index(key[0]), TOUCHES.index(key[1]), key[2]))
    for kind, touch, workers in order:
        mine = variants[kind, touch, workers]
        own = [row["worker_uss_bytes"] for row in mine]
        found.append(
            {
                "kind": kind,
                "touch": touch,
                "workers": workers,
                "added_bytes": statistics.median(added(row, by) for row in mine),
                "rss_added_bytes": statistics.median(added(row, "rss") for row in mine),
                "worker_uss_bytes": None if None in own else statistics.median(own),
            }
        )
    lines = grouped(found, "kind", "touch")
    for item in found:
        line = lines[item["kind"], item["touch"]]
        first, last = line[0], line[-1]
        item["each_bytes"] = (
            (last["added_bytes"] - first["added_bytes"]) / (last["workers"] - first["workers"])
            if first is not last
            else last["added_bytes"] / last["workers"]
        )
    return found
