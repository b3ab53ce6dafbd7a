"""What does a worker cost to start?

Method: a worker is asked for, sends one short message through a pipe, and is waited for, by the bare primitives
(threading.Thread, a context's Process) and no pool, because pools start workers late or not at all. Every way of
starting in every round, shuffled, each time by a program of its own: a fork copies what the program holds. The
program's very first start is kept apart from those that follow, as Georges, Buytaert and Eeckhout demand
("Statistically rigorous Java performance evaluation", OOPSLA 2007).
"""

import importlib.util
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from math import inf
from pathlib import Path

from ...engine import pools as executors, helper as programs
from ...engine.errors import LabError
from ...engine.parameters import ByProfile, Number, OneOf, Several
from ...engine.stats import grouped
from ...engine.experiment import ROUNDS, Progress, in_rounds

WAYS = ("thread", "interpreter", "fork", "forkserver", "spawn")
# What a main file may import, and what that adds to a process: rounded up, to refuse what cannot fit.
IMPORTS = {"nothing": 0, "decimal": 2 << 20, "asyncio": 15 << 20, "numpy": 40 << 20}
UNCOUNTED = {"thread": 40, "forkserver": 0}  # a turn's first starts; thread's grow quicker up to the thirtieth or so
THREADS_MORE = 10  # times as many starts a turn for threads: all others are compared with them, and they take no time
# It has the workers' function, as a main file does: forkserver's server runs it from 3.13.8 and 3.14.1 on, and the
# workers then do not.
MAIN = "import os, conc_lab._startup_worker\npid = os.getpid()  # tells a worker whether it ran this file itself\n"


def unavailable(way: str) -> str | None:
    """Why this machine or Python lacks this way of starting a worker, in one sentence, or None."""
    if way == "thread":
        return None
    return executors.unavailable("interpreters" if way == "interpreter" else "processes", way)


def startup(
    ways: Several(OneOf(lambda: WAYS, "ways to start a worker"), "way") = tuple(
        way for way in WAYS if not unavailable(way)
    ),
    workers: Several(Number(1, 32, "how many workers start together"), "workers") = (1, 2),
    main_imports: OneOf(lambda: tuple(IMPORTS), "what the program's main file imports") = "nothing",
    starts: Number(2, 50, "starts in a row, each time it is a variant's turn") = ByProfile(2, 5, 9),
    rounds: ROUNDS = ByProfile(2, 5, 9),
) -> Iterator[dict | Progress]:
    """Time workers from asking for them to their first answer; one row is one start of `workers` together.

    The program that starts them has a main file, which imports nothing but its workers' function; with
    `main_imports`, every round has each variant a second time, with a main file that differs in this import only; the
    program has it in both cases.
    Columns: round, order (its place in the shuffled round), start (its number in the turn), way, cold (true for the
    first start of forkserver's turn, which has to start the server, and the resource tracker, too), main_imports,
    workers; start_s (from the first request until all were made), answer_s (from the first request to the last
    worker's first answer), end_s (from then until all are gone); new_process (the workers were other processes),
    ran_main (each worker ran the main file itself). Raises LabError where a worker cannot be started, or
    ends without an answer.
    """
    mains = dict.fromkeys(("nothing", main_imports))
    variants = [(way, main, number) for way in ways for main in mains for number in workers]
    with tempfile.TemporaryDirectory() as folder:
        for main in mains:
            Path(folder, f"{main}.py").write_text(MAIN + (f"import {main}\n" if main != "nothing" else ""))
        for number, place, (way, main, size), progress in in_rounds(variants, rounds):
            rows = _turn(way, size, starts, Path(folder, f"{main}.py"), main_imports)
            for start, row in enumerate(rows):
                yield {"round": number, "order": place, "start": start, "main_imports": main} | row
            yield progress


def check(params, machine):
    """Refuse ways that this platform lacks, an import that is not installed, and more processes than fit."""
    for way in params["ways"]:
        if problem := unavailable(way):
            raise LabError(problem)
        if way in executors.START_METHODS:
            executors.check_room(max(params["workers"]), way, IMPORTS[params["main_imports"]], machine)
    if params["main_imports"] != "nothing" and importlib.util.find_spec(params["main_imports"]) is None:
        raise LabError(f"{params['main_imports']} is not installed here; choose another import")


def _turn(way, workers, starts, path, main_imports):
    """A row for each of several starts in a row, by a program that has done nothing else.

    Its first start has modules to import and is not counted, but for forkserver's: that is the cold one.
    """
    uncounted = UNCOUNTED.get(way, 1)
    count = uncounted + (starts * THREADS_MORE if way == "thread" else starts)
    with programs.start("_startup_worker", way, workers, count, path, main_imports, stdout=subprocess.PIPE) as program:
        lines = [programs.heard(program, f"a program that starts workers by {way}") for _ in range(count)]
    rows = []
    for line in lines[uncounted:]:
        start, answer, end, new_process, ran_main = map(int, line)
        rows.append(
            {
                "way": way,
                "cold": way == "forkserver" and not rows,
                "workers": workers,
                "start_s": start / 1e9,
                "answer_s": answer / 1e9,
                "end_s": end / 1e9,
                "new_process": bool(new_process),
                "ran_main": bool(ran_main),
            }
        )
    return rows


def costs(rows: list[dict]) -> list[dict]:
    """What the rows say of each variant: one dict for each way, cold or not, main file and number of workers.

    way, cold, main_imports, workers; rounds; each_s (seconds to the first answer, by worker: the median of the
    rounds' medians), setup_s (the same of the whole start and end, together); against_thread (the median of the
    rounds' ratios to as many threads, whatever the main file: a thread does not run it), low and high (the least
    and the largest of these ratios), all three None without threads.
    """
    threads = grouped([row for row in rows if row["way"] == "thread"], "workers", "round")
    found = []
    for variant, mine in grouped(rows, "way", "cold", "main_imports", "workers").items():
        by = {number: its for (number,), its in grouped(mine, "round").items()}
        each = {number: _each(its) for number, its in by.items()}
        pairs = [(value, threads.get((variant[3], number))) for number, value in each.items()]
        ratios = [value / _each(thread) for value, thread in pairs if thread]
        whole = [statistics.median(row["answer_s"] + row["end_s"] for row in mine) for mine in by.values()]
        found.append(
            dict(zip(("way", "cold", "main_imports", "workers"), variant, strict=True))
            | {
                "rounds": len(by),
                "each_s": statistics.median(each.values()),
                "setup_s": statistics.median(whole),
                "against_thread": statistics.median(ratios) if ratios else None,
                "low": min(ratios, default=None),
                "high": max(ratios, default=None),
            }
        )
    return sorted(found, key=_place)


def _each(rows):
    """Median seconds to the first answer, by worker."""
    return statistics.median(row["answer_s"] / row["workers"] for row in rows)


def _place(item):
    return WAYS.index(item["way"]), not item["cold"], list(IMPORTS).index(item["main_imports"]), item["workers"]


def pays_from(setup_s: float, workers: int, cpus: float) -> float:
    """Serial seconds of computing from which `workers` workers can be done sooner, inf where they never can.

    The best case: work/k + setup < work, with k = min(workers, cpus); sharing it out costs nothing.
    """
    at_once = min(workers, cpus)
    return setup_s / (1 - 1 / at_once) if at_once > 1 else inf
