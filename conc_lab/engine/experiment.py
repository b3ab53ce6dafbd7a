"""The questions: one module each, holding a generator of the module's own name.

An experiment runs in a clean child interpreter, so these modules import only the standard library and
conc_lab's own light modules. It yields a dict for each observation and a `Progress` between them; most take
every variant in turn, as `in_rounds` deals them out.

A module may define `check(params, machine)`, run in the kernel before the start, to refuse parameters
that do not go together.
"""

import importlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

from .. import EXPERIMENTS as NAMES
from . import pools as executors
from .errors import LabError
from .parameters import Number, OneOf

# Parameters that most experiments have.
START_METHOD = OneOf(executors.start_methods, "how worker processes start", executors.START_METHODS)
DEFAULT_START_METHOD = executors.start_methods()[0]
ROUNDS = Number(1, 99, "rounds of all variants")


@dataclass(frozen=True)
class Progress:
    """How far the experiment is: `fraction` from 0 to 1, what it is doing, and whether a round is complete."""

    fraction: float
    doing: str
    round_done: bool = False


def in_rounds(variants: Sequence, rounds: int) -> Iterator[tuple]:
    """Every variant once a round, shuffled anew: (round, place in it, variant, the Progress to yield after it)."""
    for number in range(rounds):
        for place, variant in enumerate(random.sample(variants, len(variants))):
            yield number, place, variant, step(number, place, len(variants), rounds)


def step(number: int, place: int, places: int, rounds: int) -> Progress:
    """The Progress when this place of this round is done."""
    done = number + (place + 1) / places
    return Progress(done / rounds, f"round {number + 1} of {rounds}", round_done=place + 1 == places)


def module(name: str) -> ModuleType:
    """The module of the experiment called `name`."""
    if name not in NAMES:
        raise LabError(f"unknown experiment {name!r}; one of: {', '.join(NAMES)}")
    return importlib.import_module(f".{name}", __name__)


def function(name: str):
    """The generator function of the experiment called `name`."""
    return getattr(module(name), name)
