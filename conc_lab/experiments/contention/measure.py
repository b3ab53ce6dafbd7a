"""What is it worth to have no GIL, where threads use one object together, and where each has its own?

Method: every thread does the same to a list. The own one is made by the thread that uses it: a free-threaded build
counts the references to an object cheaply in the thread that made it, in others with atomic operations (PEP 703, biased
reference counting), and a list has a lock of its own there. The item that is looked at must be none of the objects
whose references nobody counts (None, small ints, functions). All variants are in every round, in a shuffled order.
"""

from functools import partial
from itertools import product

from ...engine import in_worker, tasks
from ...engine.errors import LabError
from ...engine.experiment import ROUNDS, Rows, in_rounds
from ...engine.parameters import Number, OneOf, Several, by_profile
from ..switches.measure import run_together
from . import worker

WORKS = {"append": worker.append, "read": worker.read}
SHARING = ("own", "shared")


def contention(
    works: Several(OneOf(lambda: [*WORKS], "what each thread does to a list"), "work") = tuple(WORKS),
    workers: Several(Number(1, 64, "threads"), "workers") = (1, 2),
    run_ms: Number(0.1, 10_000, "milliseconds of one thread alone", whole=False) = by_profile(2, 50, 100),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Let threads use one list together, or a list each; one row is one run of all threads.

    Columns: round; work; sharing ("shared", or "own": a list each); workers; operations (of all threads together);
    wall_s, cpu_s; results_equal. One thread with its own list is in every round. Raises LabError where an operation
    was lost, or a thread cannot be started.
    """
    amounts = {work: tasks.calibrate(partial(WORKS[work], None), run_ms / 1000, 64) for work in works}
    sizes = list(dict.fromkeys([("own", 1), *product(SHARING, workers)]))
    for number, _, (work, (sharing, size)) in in_rounds(list(product(works, sizes)), rounds):
        items = worker.made()
        function = partial(WORKS[work], items if sharing == "shared" else None)
        run, before, after = run_together("threads", size, function, amounts[work])
        if len(items) != worker.ITEMS:
            raise LabError(f"a list of {worker.ITEMS} items has {len(items):,} after appending and popping")
        row = {"round": number, "work": work, "sharing": sharing, "workers": size, "operations": size * amounts[work]}
        row |= {"wall_s": run["wall_s"], "cpu_s": in_worker.used(before, after)["cpu_s"]}
        yield row | {"results_equal": run["results_equal"]}
