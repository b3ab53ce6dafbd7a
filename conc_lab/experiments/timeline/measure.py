"""Who ran when? Two workers record what they do, block by block.

Method: a worker calls a short task again and again and notes the clock and its own CPU time around each call.
For the part of a block in which it got no CPU time it waited: for the GIL, for a CPU, or for what the task waits for.
When in the block that was is not known. No tracer and no special rights are needed. Gaps between time stamps alone
would not do: a sleeper's blocks have none.
"""

import os
from itertools import product

from ...engine import find_task, in_worker, kinds, pools
from ...engine.experiment import ROUNDS, Rows, columns, in_rounds
from ...engine.parameters import Kinds, Number, Several, TaskName, by_profile

WORKERS = 2
BLOCK_MS, WINDOW_MS = (50, 1000) if os.name == "nt" else (2, 120)  # Windows counts CPU time in steps of 16 ms


def timeline(
    tasks: Several(TaskName("what both workers do"), "task") = ("count_primes", "sha256", "sleep"),
    kinds: Kinds("threads", "processes", *kinds.START_METHODS, "interpreters") = ("threads", "processes"),
    block_ms: Number(0.5, 1000, "how long one block takes alone, in ms", whole=False) = BLOCK_MS,
    window_ms: Number(10, 10_000, "how long to record, in ms") = WINDOW_MS,
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Record two workers of each kind at each task; one row is one block of one worker.

    Columns: round, task, kind, worker (0 or 1), start_ms and end_ms (from the first block of the two), cpu_ms (the
    worker's own CPU time in the block) and cpu (the CPU on which the block ended, None where the system does not tell).
    Raises LabError when a task fails.
    """
    variants = list(product([find_task.find(task, kinds) for task in tasks], kinds))
    for number, _, (task, kind) in in_rounds(variants, rounds):
        with task.prepare(block_ms / 1000) as args, pools.opened(kind, WORKERS) as pool:
            pool.usages(in_worker.call, (task.function, args))  # imports and first touches are not the task
            recorded = pool.together(in_worker.call, in_worker.blocks, (task.function, args, int(window_ms * 1e6)))
        lanes = [pools.value(blocks, f"the task {task.name} raised") for blocks in recorded]
        first = min(blocks[0][0] for blocks in lanes)
        for who, blocks in enumerate(lanes):
            for start, end, cpu_ns, cpu in blocks:
                times_ms = [ns / 1e6 for ns in (start - first, end - first, cpu_ns)]
                yield dict(zip(columns("timeline"), (number, task.name, kind, who, *times_ms, cpu), strict=True))
