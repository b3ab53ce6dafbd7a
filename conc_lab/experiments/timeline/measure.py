"""Who ran when? Two workers record what they do, block by block.

Method: a worker calls a short task again and again and notes the clock and its own CPU time around each call.
It was running during a block if it got CPU time for at least half of it, and waiting otherwise: for the GIL,
for a CPU, or for what the task waits for. No tracer and no special rights are needed. Gaps between time stamps
alone would not do: a sleeper's blocks have none.
"""

import os
import statistics
from collections.abc import Iterator

from ...engine import in_worker as _worker, pools as executors, tasks
from ...engine.parameters import ByProfile, Number, OneOf, Several, TaskName
from ...engine.stats import grouped
from ...engine.experiment import DEFAULT_START_METHOD, ROUNDS, START_METHOD, Progress, in_rounds

WORKERS = 2
RUNNING = 0.5  # share of a block's time that must be CPU time
BLOCK_MS, WINDOW_MS = (50, 1000) if os.name == "nt" else (2, 120)  # Windows counts CPU time in steps of 16 ms


def timeline(
    work: Several(TaskName("what both workers do"), "task") = (
        "count_primes",
        "sha256",
        "sleep",
    ),
    kinds: Several(OneOf(lambda: ("threads", "processes"), "kinds of worker"), "kind") = ("threads", "processes"),
    start_method: START_METHOD = DEFAULT_START_METHOD,
    block_ms: Number(0.5, 1000, "milliseconds a block takes alone", whole=False) = BLOCK_MS,
    window_ms: Number(10, 10_000, "milliseconds of recording") = WINDOW_MS,
    rounds: ROUNDS = ByProfile(2, 5, 9),
) -> Iterator[dict | Progress]:
    """Record two workers of each kind at each task; one row is one block of one worker.

    Columns: round, task, kind, worker (0 or 1), start_ms and end_ms (from the first block of the two), cpu_ms (the
    worker's own CPU time in the block) and running (see the module). Raises LabError when a task fails.
    """
    yield Progress(0, "calibrating")
    found = {task: tasks.find(task) for task in work}
    variants = [(task, kind) for task in work for kind in kinds]
    for number, _, (task, kind), progress in in_rounds(variants, rounds):
        with found[task].prepare(block_ms / 1000) as args:
            yield from _recorded(number, found[task], kind, args, start_method, window_ms)
        yield progress


def check(params, machine):
    """Refuse worker processes that do not fit into the memory."""
    if "processes" in params["kinds"]:
        most = max(tasks.outline(task).worker_bytes for task in params["work"])
        executors.check_room(WORKERS, params["start_method"], most, machine)


def _recorded(number, task, kind, args, start_method, window_ms):
    with executors.open_crew(kind, WORKERS, start_method) as crew:
        crew.meet(_worker.call, (task.function, args))  # imports and first touches are not the task
        recorded = crew.together(_worker.blocks, task.function, args, int(window_ms * 1e6))
    for _, failure in recorded:
        executors.value(failure, f"the task {task.name} raised")
    first = min(blocks[0][0] for blocks, _ in recorded)
    for worker, (blocks, _) in enumerate(recorded):
        for start, end, cpu in blocks:
            yield {
                "round": number,
                "task": task.name,
                "kind": kind,
                "worker": worker,
                "start_ms": (start - first) / 1e6,
                "end_ms": (end - first) / 1e6,
                "cpu_ms": cpu / 1e6,
                "running": cpu >= RUNNING * (end - start),
            }


def at_once(rows: list[dict]) -> float:
    """The share of time, while both recorded, in which both workers were running; rows of one variant and round."""
    lanes = [[row for row in rows if row["worker"] == worker] for worker in range(WORKERS)]
    opened = max(lane[0]["start_ms"] for lane in lanes)
    closed = min(lane[-1]["end_ms"] for lane in lanes)
    running, other = ([row for row in lane if row["running"]] for lane in lanes)
    both, places = 0.0, [0, 0]
    while places[0] < len(running) and places[1] < len(other):  # the block that ends first is done with
        a, b = running[places[0]], other[places[1]]
        both += max(0.0, min(a["end_ms"], b["end_ms"], closed) - max(a["start_ms"], b["start_ms"], opened))
        places[a["end_ms"] > b["end_ms"]] += 1
    return both / (closed - opened) if closed > opened else 0.0


def shares(rows: list[dict]) -> dict[tuple[str, str], float]:
    """(task, kind) -> the median over the rounds of `at_once`."""
    medians = {}
    for variant, mine in grouped(rows, "task", "kind").items():
        medians[variant] = statistics.median(map(at_once, grouped(mine, "round").values()))
    return medians
