"""What does a worker cost to keep?

Method: each variant runs in a program of its own, a fresh interpreter that holds the parent's data. All its
processes, helpers included, are measured from outside before it starts its workers, and again when each worker
has acted. PSS divides a shared page among all who share it, so that its sum over all processes counts every page once
(Linux, `smaps_rollup` in proc_pid_smaps(5)); who else runs the same Python takes a part of the files' pages. USS counts
the pages that a process shares with nobody; RSS counts a shared page in each process.
"""

import statistics
from itertools import product
from subprocess import PIPE

import psutil

from ...engine import helper, kinds, pythons
from ...engine.errors import LabError
from ...engine.experiment import ROUNDS, Rows, in_rounds
from ...engine.machine import system
from ...engine.parameters import Kinds, Number, OneOf, Several, by_profile

MB = 1_000_000
TOUCHES = ("untouched", "read", "written")
METERS = ("pss", "uss", "rss")  # the best first
KINDS = ("threads", *kinds.START_METHODS, "interpreters")
INSIDE = ("threads", "interpreters")  # kinds of worker that live inside the program's own process


def memory(
    workers: Several(Number(1, 64, "how many workers"), "workers") = (1, 2, 4),
    kinds: Kinds(*KINDS, help="kinds of worker, processes by start method") = KINDS,
    parent_data: OneOf(lambda: ("none", "bytes", "ints"), "what the program holds before its workers start") = "none",
    data_mb: Number(0, 100, "how much of it, in MB") = by_profile(20, 100, 100),
    touch: Several(OneOf(lambda: TOUCHES, "what each worker does with the data"), "touch") = ("untouched",),
    rounds: ROUNDS = by_profile(1, 3, 5),
) -> Rows:
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
    for number, place, (kind, count, how) in in_rounds(list(product(kinds, workers, touch)), rounds):
        variant = {"kind": kind, "workers": count, "touch": how, "data_bytes": size}
        yield {"round": number, "order": place} | variant | _measured(variant | {"form": parent_data})


def check(params, machine):
    """Refuse touching no data, and more data, or copies of them, than the memory holds."""
    pythons.need("psutil", machine)
    copied = params["touch"] != ["untouched"]
    if copied and params["parent_data"] == "none":
        raise LabError("with parent_data 'none' there is nothing to touch: choose bytes or ints, or touch 'untouched'")
    size = 0 if params["parent_data"] == "none" else params["data_mb"] * MB
    copies = max(params["workers"]) if copied and params["kinds"] != ["threads"] else 0
    what = f"programs and workers with {size / MB:g} MB of data each"
    kinds.check_memory(1 + copies, what, kinds.WORKER_BYTES["spawn"] + size, machine["memory_free_bytes"])


def reading(pid: int) -> dict[str, int | None]:
    """The pss, uss and rss of a process in bytes, None where the platform does not tell."""
    told = psutil.Process(pid).as_dict(["memory_full_info", "memory_info"])  # None where that is the administrator's
    return {meter: getattr(told["memory_full_info"] or told["memory_info"], meter, None) for meter in METERS}


def _readings(pid):
    """{pid: reading} of a process and all below it."""
    root = psutil.Process(pid)
    return {process.pid: reading(process.pid) for process in [root, *root.children(recursive=True)]}


def _of(function, readings, meter):
    """A function of one meter of all readings, None where one of them lacks it."""
    sizes = [sizes[meter] for sizes in readings]
    return None if None in sizes else function(sizes)


def _measured(spec):
    """Start a program, and measure it before and after it has workers."""
    pipes, what = {"stdin": PIPE, "bufsize": 0}, f"the program with {spec['kind']}"
    with helper.start("experiments.memory.worker", spec, **pipes) as program:  # when stdin closes, it leaves
        helper.heard(program, what)
        before = _readings(program.pid)
        program.stdin.write(b".")
        pids = set(helper.heard(program, what)) - {program.pid}
        after = _readings(program.pid)
    workers = [after[pid] for pid in pids] or [dict.fromkeys(METERS)]  # none inside the program has one of its own
    others = [sizes for pid, sizes in after.items() if pid != program.pid]
    row = {"processes": len(after), "others_uss_bytes": _of(sum, others, "uss")}
    for meter in METERS:
        row[f"{meter}_before_bytes"] = _of(sum, before.values(), meter)
        row[f"{meter}_bytes"] = _of(sum, after.values(), meter)
        row[f"worker_{meter}_bytes"] = _of(statistics.median, workers, meter)
    missing = " and ".join(f"no {meter.upper()}" for meter in METERS if row[f"{meter}_bytes"] is None)
    return row | {"missing": f"{system()} shows {missing} of other programs" if missing else None}
