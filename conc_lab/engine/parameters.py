"""An experiment's signature is the only description of its parameters: checks, controls and options read it.

Each parameter is annotated with one of the kinds below and has a default, which may depend on the profile: that of the
experiment's first import.
"""

import contextlib
import inspect
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from . import find_task, kinds
from .errors import LabError

MOST = 256  # values of a parameter that takes several
PROFILES = ("quick", "class", "careful")


def by_profile(quick, class_, careful):
    """A default for a rehearsal of seconds, one for a class or one for a careful run, by CONC_LAB_PROFILE."""
    profile = os.environ.get("CONC_LAB_PROFILE", "class")
    if profile not in PROFILES:
        raise LabError(f"CONC_LAB_PROFILE must be one of {', '.join(PROFILES)}, got {profile!r}")
    return (quick, class_, careful)[PROFILES.index(profile)]


@dataclass(frozen=True)
class Number:
    """A number from low to high; whole, unless `whole` is false."""

    low: float
    high: float
    help: str
    whole: bool = True

    def check(self, name, value):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            number = operator.index(value) if self.whole else float(value)
            if not isinstance(value, (bool, str)) and self.low <= number <= self.high:
                return number
        kind = "a whole number" if self.whole else "a number"
        raise LabError(f"{name} must be {kind} between {self.low} and {self.high}, got {value!r:.100}")


@dataclass(frozen=True)
class OneOf:
    """One of the names that `options` returns."""

    options: Callable[[], Sequence[str]]
    help: str

    def check(self, name, value):
        if not isinstance(value, str) or value not in self.options():
            raise LabError(f"unknown {name.replace('_', ' ')} {value!r:.100}; one of: {', '.join(self.options())}")
        return value


class TaskName(OneOf):
    """The name of a task, or a function that a worker can import."""

    def __init__(self, help: str):
        super().__init__(find_task.names, help)

    def check(self, name, value):
        return find_task.checked(value)


@dataclass(frozen=True)
class Several:
    """One or more different values of another kind."""

    of: Number | OneOf
    singular: str

    @property
    def help(self):
        return self.of.help

    def check(self, name, value):
        several = hasattr(value, "__iter__") and not isinstance(value, str)
        items = list(islice(value, MOST + 1)) if several else [value]
        if not 0 < len(items) <= MOST:
            raise LabError(f"choose at least one value for {name}, and at most {MOST}")
        return list(dict.fromkeys(self.of.check(self.singular, item) for item in items))


class Kinds(Several):
    """Some of these kinds of worker; "processes" becomes the default start method of the Python that runs them."""

    def __init__(self, *allowed: str, help: str = "kinds of worker"):
        super().__init__(OneOf(lambda: allowed, help), "kind")


def parsed(word: str) -> int | float | str:
    """A number where the word is one, else the word: what is allowed is the parameter's kind to say."""
    for number in (int, float):
        with contextlib.suppress(ValueError):
            return number(word)
    return word


def described(experiment: Callable) -> dict[str, inspect.Parameter]:
    """The experiment's parameters by name; `annotation` is the kind, `default` the default."""
    return dict(inspect.signature(experiment).parameters)


def processes(experiment: Callable, given: dict, facts: dict | None = None) -> str | None:
    """The start method that "processes" stands for among the kinds asked for, None where it is not among them."""
    parameter = described(experiment).get("kinds")
    asked = given.get("kinds", parameter.default) if parameter else ()  # one kind, or several
    return (facts or kinds.own())["start_methods"][0] if "processes" in asked else None


def checked(experiment: Callable, given: dict, facts: dict | None = None) -> dict:
    """Every parameter with its checked value, given or default; raises LabError that names what is wrong.

    facts: those of the Python that will run it, by default this one; of the default kinds it gets those that it has.
    """
    facts = facts or kinds.own()
    parameters = described(experiment)
    if unknown := [name for name in given if name not in parameters]:
        raise LabError(f"{experiment.__name__} has no parameter {unknown[0]!r}; it has: {', '.join(parameters)}")
    values = {name: item.annotation.check(name, given.get(name, item.default)) for name, item in parameters.items()}
    for name, parameter in parameters.items():
        if isinstance(parameter.annotation, Kinds):
            named = [facts["start_methods"][0] if kind == "processes" else kind for kind in values[name]]
            values[name] = list(dict.fromkeys(named if name in given else kinds.here(named, facts)))
    return values
