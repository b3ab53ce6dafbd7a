"""How experiments are found, and how their rounds are dealt out.

An experiment is a folder in experiments/: measure.py holds the generator of the folder's name, which runs in a clean
child interpreter and yields a dict for each observation; columns.json gives the type of each column of these rows, with
? where it may be None; chart.py draws them in the kernel. measure.py may also define check(params, machine), run in the
kernel before the start, to refuse parameters that do not go together.
"""

import importlib
import json
import pkgutil
import random
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from .. import experiments
from . import helper
from .errors import LabError
from .parameters import Number

ROUNDS = Number(1, 9999, "how often everything is measured")


Rows = Iterator[dict]  # what an experiment yields

pause_s = 0  # after each round; the child is told how long


def progress(fraction: float, doing: str, round_done: bool = False) -> None:
    """Say to the kernel how much is done, from 0 to 1, what comes now, and whether a round is complete."""
    helper.say({"event": "progress", "fraction": fraction, "doing": doing})
    if round_done:
        helper.say({"event": "round"})
        time.sleep(pause_s)


def in_rounds(variants: Sequence, rounds: int) -> Iterator[tuple]:
    """Every variant once a round, shuffled anew: (round, place in it, variant). After each its progress is said.

    Raises LabError where there are none.
    """
    if not variants:
        raise LabError("these values do not go together, so there is nothing to measure: choose others")
    for number in range(rounds):
        for place, variant in enumerate(random.sample(variants, len(variants))):
            yield number, place, variant
            done = (place + 1) / len(variants)
            progress((number + done) / rounds, f"round {number + 1} of {rounds}", round_done=done == 1)


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
