"""What does a worker cost to keep?

Method: each variant runs in a program of its own, a fresh interpreter that holds the parent's data. All its
processes, helpers included, are measured from outside before it starts its workers, and again when each worker
has acted. PSS divides a shared page among those who share it, so that its sum counts every page once (Linux,
`smaps_rollup` in proc_pid_smaps(5)); USS counts the pages that a process shares with nobody; RSS counts a
shared page in each process.
"""

import contextlib
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ...engine import helper, kinds
from ...engine.errors import LabError
from ...engine.experiment import ROUNDS, Progress, in_rounds
from ...engine.machine import system
from ...engine.parameters import ByProfile, Kinds, Number, OneOf, Several

MB = 1_000_000
TOUCHES = ("untouched", "read", "written")
METERS = ("pss", "uss", "rss")  # the best first
MISSING = {"uss": "does not let one program see what memory another has to itself: no USS"}
MISSING |= {"pss": "does not say how many processes share a page: no PSS"}
KINDS = ("threads", *kinds.START_METHODS, "interpreters")
INSIDE = ("threads", "interpreters")  # kinds of worker that live inside the program's own process
# What the program takes, and a worker, rounded up. Used to refuse what cannot fit, never shown.
PROGRAM_BYTES = 40 << 20
WORKER_BYTES = {"threads": 1 << 20, "interpreters": 10 << 20} | kinds.WORKER_BYTES

COLUMNS = {"round": "int", "order": "int", "kind": "str", "workers": "int", "touch": "str", "data_bytes": "int"}
COLUMNS |= {"processes": "int", "rss_before_bytes": "int?", "pss_before_bytes": "int?", "uss_before_bytes": "int?"}
COLUMNS |= {"rss_bytes": "int", "pss_bytes": "int?", "uss_bytes": "int?", "others_uss_bytes": "int?"}
COLUMNS |= {f"worker_{meter}_bytes": "float?" for meter in METERS} | {"missing": "str?"}
SMALL = {"workers": [2], "rounds": 1}
RECORDED = {"none": {"workers": [1, 2, 4]}}
RECORDED["ints"] = {"workers": [1, 2], "kinds": ["fork"], "parent_data": "ints", "touch": ["untouched", "read"]}


def memory(
    workers: Several(Number(1, 64, "how many workers"), "workers") = (1, 2, 4),
    kinds: Kinds(*KINDS, help="kinds of worker; a process by how it starts") = kinds.here(KINDS),
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
    """Refuse touching no data, and more data, or copies of them, than the memory holds."""
    form, touch = params["parent_data"], params["touch"]
    if form == "none" and touch != ["untouched"]:
        raise LabError("with parent_data 'none' there is nothing to touch: choose bytes or ints, or touch 'untouched'")
    size = 0 if form == "none" else params["data_mb"] * MB
    left = machine["memory_free_bytes"] - PROGRAM_BYTES - size
    for kind in params["kinds"]:
        copied = kind != "threads" and touch != ["untouched"]
        if (kind, form) == ("fork", "bytes"):  # no reference counts are in these pages
            copied = "written" in touch
        what = kind if kind in INSIDE else f"{kind} processes"
        what += f" beside a program with {size / MB:g} MB of data"
        kinds.check_memory(max(params["workers"]), what, WORKER_BYTES[kind] + size * copied, left)


def _measured(kind, workers, touch, form, size):
    """Start a program, and measure it before and after it has workers."""
    spec = {"kind": kind, "workers": workers, "form": form, "size": size, "touch": touch}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
    with helper.start("experiments.memory.worker", spec, **pipes) as program:  # when stdin closes, it leaves
        helper.heard(program, f"the program with {kind}")
        before = _total(_tree(program.pid))
        program.stdin.write(b".")
        pids = set(helper.heard(program, f"the program with {kind}")) - {program.pid}
        tree = _tree(program.pid)
    after = _total(tree)
    row = {"kind": kind, "workers": workers, "touch": touch, "data_bytes": size, "processes": len(tree)}
    row["others_uss_bytes"] = _total({pid: sizes for pid, sizes in tree.items() if pid != program.pid})["uss"]
    for meter in METERS:
        row |= {f"{meter}_before_bytes": before[meter], f"{meter}_bytes": after[meter]}
        own = [tree[pid][meter] for pid in pids]
        row[f"worker_{meter}_bytes"] = statistics.median(own) if own and None not in own else None
    missing = (f"{system()} {what}" for meter, what in MISSING.items() if after[meter] is None)
    return row | {"missing": next(missing, None)}


def _tree(pid):
    """{pid: {meter: bytes}} of a process and all below it."""
    import psutil

    root = psutil.Process(pid)
    return {process.pid: reading(process.pid) for process in [root, *root.children(recursive=True)]}


def reading(pid: int) -> dict[str, int | None]:
    """The rss, pss and uss of a process in bytes, None where the platform does not tell."""
    import psutil

    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {line.partition(":")[0]: int(line.split()[1]) << 10 for line in lines}
        own = sum(size for name, size in sizes.items() if name.startswith("Private_"))
        return {"rss": sizes["Rss"], "pss": sizes["Pss"], "uss": own}
    try:
        told = psutil.Process(pid).memory_full_info()
    except psutil.AccessDenied:  # macOS: another process's pages are the administrator's
        told = psutil.Process(pid).memory_info()
    return {meter: getattr(told, meter, None) for meter in METERS}


def _total(tree):
    """The sum of all readings of a `_tree`, None where one of them is."""
    columns = {meter: [sizes[meter] for sizes in tree.values()] for meter in METERS}
    return {meter: None if None in sizes else sum(sizes) for meter, sizes in columns.items()}
