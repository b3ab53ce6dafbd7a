"""How experiments are found, and how their rounds are dealt out.

An experiment is a folder in experiments/: measure.py holds the generator of the folder's name, which runs in a clean
child interpreter and yields a dict for each observation and a `Progress` between them; chart.py draws its rows in the
kernel; columns.json gives the type of each column of a row, with ? where it may be None. measure.py may also define
check(params, machine), run in the kernel before the start, to refuse parameters that do not go together.
"""

import importlib
import json
import pkgutil
import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from .. import experiments
from .errors import LabError
from .parameters import Number

ROUNDS = Number(1, 9999, "rounds of all variants")


class Progress(NamedTuple):
    """How far the experiment is: `fraction` from 0 to 1, what it is doing, and whether a round is complete."""

    fraction: float
    doing: str
    round_done: bool = False


Rows = Iterator[dict | Progress]  # what an experiment yields


def in_rounds(variants: Sequence, rounds: int) -> Iterator[tuple]:
    """Every variant once a round, shuffled anew: (round, place in it, variant, the Progress to yield after it).

    Raises LabError where there are none.
    """
    if not variants:
        raise LabError("none of the values asked for go together, so there is nothing to measure")
    for number in range(rounds):
        doing = f"round {number + 1} of {rounds}"
        for place, variant in enumerate(random.sample(variants, len(variants))):
            done = (place + 1) / len(variants)
            yield number, place, variant, Progress((number + done) / rounds, doing, round_done=done == 1)


def names() -> list[str]:
    """The names of all experiments: the folders in experiments/."""
    return sorted(found.name for found in pkgutil.iter_modules(experiments.__path__) if found.ispkg)


def part(name: str, what: str) -> ModuleType:
    """The module `what` ("measure", "chart") of the experiment called `name`."""
    if name not in names():
        raise LabError(f"unknown experiment {name!r}; one of: {', '.join(names())}")
    return importlib.import_module(f"{experiments.__name__}.{name}.{what}")


def function(name: str):
    """The generator function of the experiment called `name`."""
    return getattr(part(name, "measure"), name)


@cache
def columns(name: str) -> dict[str, str]:
    """The columns of a row of the experiment called `name`, each with its type."""
    return json.loads(Path(part(name, "measure").__file__).with_name("columns.json").read_text(encoding="utf-8"))
