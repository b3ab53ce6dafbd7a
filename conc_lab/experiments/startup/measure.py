"""What does a worker cost to start?

Method: a worker is asked for, sends one short message through a pipe, and is waited for, by the bare primitives
(threading.Thread, a context's Process) and no pool, because pools start workers late or not at all. Every kind in
every round, shuffled, each time started by a program of its own: a fork takes longer the more the program holds. The
program's very first start is kept apart from those that follow, as Georges, Buytaert and Eeckhout demand
("Statistically rigorous Java performance evaluation", OOPSLA 2007).
"""

import tempfile
from pathlib import Path

from ...engine import helper, kinds, pythons
from ...engine.experiment import ROUNDS, Rows, in_rounds
from ...engine.parameters import Kinds, Number, OneOf, Several, by_profile

KINDS = ("threads", *kinds.START_METHODS, "interpreters")
# What a main file may import, and what that adds to a process: rounded up, to refuse what cannot fit.
IMPORTS = {"nothing": 0, "decimal": 2 << 20, "asyncio": 15 << 20, "numpy": 40 << 20}
UNCOUNTED = {"threads": 40, "forkserver": 0}  # a turn's first starts; threads' grow quicker up to the thirtieth or so
THREADS_MORE = 10  # times as many starts a turn for threads: all others are compared with them, and they take no time
# It has the workers' function, as a main file does: forkserver's server runs it from 3.13.8 and 3.14.1 on, and the
# workers then do not.
PROGRAM = "experiments.startup.worker"
MAIN = f"import os, conc_lab.{PROGRAM}\npid = os.getpid()  # tells a worker whether it ran this itself\n"


def startup(
    kinds: Kinds(*KINDS) = KINDS,
    workers: Several(Number(1, 32, "how many workers start together"), "workers") = (1, 2),
    main_imports: OneOf(lambda: tuple(IMPORTS), "what the program's main file imports") = "nothing",
    starts: Number(2, 50, "starts in a row of the same kind") = by_profile(2, 5, 9),
    rounds: ROUNDS = by_profile(2, 5, 9),
) -> Rows:
    """Time workers from asking for them to their first answer; one row is one start of `workers` together.

    The program that starts them has a main file, which imports nothing but its workers' function; with
    `main_imports`, every round has each variant a second time, with a main file that differs in this import only; the
    program has it in both cases.
    Columns: round, order (its place in the shuffled round), start (its number in the turn), kind, cold (true for the
    first start of forkserver's turn, which has to start the server, and the resource tracker, too), main_imports,
    workers; start_s (from the first request until all were made), answer_s (from the first request to the last
    worker's first answer), end_s (from then until all are gone); new_process (the workers were other processes),
    ran_main (each worker ran the main file itself). Raises LabError where a worker cannot be started, or
    ends without an answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        mains = {main: f"{folder}/{main}.py" for main in ("nothing", main_imports)}
        for main, path in mains.items():
            Path(path).write_text(MAIN + (f"import {main}\n" if main != "nothing" else ""))
        variants = [(kind, main, size) for kind in kinds for main in mains for size in workers]
        for number, place, (kind, main, size) in in_rounds(variants, rounds):
            # A program's first start has modules to import and is not counted, but for forkserver's, the cold one.
            uncounted = UNCOUNTED.get(kind, 1)
            count = uncounted + starts * (THREADS_MORE if kind == "threads" else 1)
            with helper.start(PROGRAM, kind, size, count, mains[main], main_imports) as program:
                rows = helper.heard(program, f"a program that starts {kind}")[uncounted:]
            variant = {"round": number, "order": place, "kind": kind, "main_imports": main, "workers": size}
            for start, row in enumerate(rows):
                yield variant | {"start": start, "cold": kind == "forkserver" and start == 0} | row


def check(params, machine):
    """Refuse more processes than fit with what they import, and an import that this Python lacks."""
    kinds.check_kinds(params["kinds"], max(params["workers"]), machine, IMPORTS[params["main_imports"]])
    if params["main_imports"] == "numpy":
        pythons.need("numpy", machine)
