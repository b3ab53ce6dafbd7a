"""An experiment's signature is the only description of its parameters: checks, controls and options read it.

Each parameter is annotated with one of the kinds below and has a default; a default may depend on the profile.
"""

import contextlib
import inspect
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from . import find_task, kinds
from .errors import LabError

MOST = 256  # values of a parameter that takes several
PROFILES = ("quick", "class", "careful")


def profile() -> str:
    """The profile named by CONC_LAB_PROFILE: quick, class (the default) or careful."""
    name = os.environ.get("CONC_LAB_PROFILE", "class")
    if name not in PROFILES:
        raise LabError(f"CONC_LAB_PROFILE must be one of {', '.join(PROFILES)}, got {name!r}")
    return name


@dataclass(frozen=True)
class ByProfile:
    """A default that depends on the profile: seconds for a whole notebook, for a class, or for a careful run."""

    quick: Any
    class_: Any
    careful: Any

    def value(self):
        return {"quick": self.quick, "class": self.class_, "careful": self.careful}[profile()]


@dataclass(frozen=True)
class Number:
    """A number from low to high; whole, unless `whole` is false."""

    low: float
    high: float
    help: str
    whole: bool = True

    def check(self, name, value):
        try:
            number = operator.index(value) if self.whole else float(value)
            inside = not isinstance(value, (bool, str)) and self.low <= number <= self.high
        except (TypeError, ValueError, OverflowError):
            inside = False
        if not inside:
            kind = "a whole number" if self.whole else "a number"
            raise LabError(f"{name} must be {kind} between {self.low} and {self.high}, got {quoted(value)}")
        return number


@dataclass(frozen=True)
class OneOf:
    """One of the names that `options` returns; `elsewhere` are names that other platforms have."""

    options: Callable[[], Sequence[str]]
    help: str
    elsewhere: Sequence[str] = ()

    def check(self, name, value):
        allowed, name = list(self.options()), name.replace("_", " ")
        if not isinstance(value, str) or value not in allowed:
            known, what = isinstance(value, str) and value in self.elsewhere, f"{name} {quoted(value)}"
            what = f"{what} does not exist on this platform" if known else f"unknown {what}"
            raise LabError(f"{what}; one of: {', '.join(allowed)}")
        return value


@dataclass(frozen=True)
class TaskName:
    """The name of a task, or a function that a worker can import."""

    help: str

    def options(self):
        return find_task.names()

    def check(self, name, value):
        if (found := find_task.checked(value)) is None:
            raise LabError(f"unknown task {quoted(value)}; one of: {', '.join(find_task.names())}")
        return found


@dataclass(frozen=True)
class Several:
    """One or more different values of another kind."""

    of: Number | OneOf | TaskName
    singular: str

    @property
    def help(self):
        return self.of.help

    def check(self, name, value):
        single = isinstance(value, (str, float)) or not hasattr(value, "__iter__")
        items = [value] if single else list(islice(value, MOST + 1))
        values = list(dict.fromkeys(self.of.check(self.singular, item) for item in items))
        if not values:
            raise LabError(f"{name} must not be empty: give at least one")
        if len(items) > MOST:
            raise LabError(f"{name} must have at most {MOST} values, got more")
        return values


class Kinds(Several):
    """Some of these kinds of worker; "processes" becomes the default start method of the Python that runs them."""

    def __init__(self, *allowed: str, help: str = "kinds of worker", elsewhere: bool = False):
        """elsewhere: start methods of other platforms are allowed, too, because the experiment says what it skips."""

        def options():
            absent = set() if elsewhere else set(kinds.START_METHODS) - set(kinds.start_methods())
            return [kind for kind in allowed if kind not in absent]

        super().__init__(OneOf(options, help, kinds.START_METHODS), "kind")

    def check(self, name, value):
        method = kinds.start_methods()[0]
        return list(dict.fromkeys(method if kind == "processes" else kind for kind in super().check(name, value)))


def quoted(value) -> str:
    """The value as Python writes it, for a sentence, and no more than 100 characters of it."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"


def parsed(word: str) -> int | float | str:
    """A number where the word is one, else the word: what is allowed is the parameter's kind to say."""
    for number in (int, float):
        with contextlib.suppress(ValueError):
            return number(word)
    return word


def described(experiment: Callable) -> dict[str, inspect.Parameter]:
    """The experiment's parameters by name; `annotation` is the kind, `default` the default."""
    return dict(inspect.signature(experiment).parameters)


def default(parameter: inspect.Parameter):
    """The parameter's default in the present profile."""
    value = parameter.default
    return value.value() if isinstance(value, ByProfile) else value


def processes(experiment: Callable, given: dict) -> str | None:
    """The start method that "processes" stands for among the kinds asked for, None where it is not among them."""
    kinds_ = described(experiment).get("kinds")
    asked = given.get("kinds", default(kinds_)) if kinds_ else ()
    return kinds.start_methods()[0] if "processes" in ([asked] if isinstance(asked, str) else asked) else None


def checked(experiment: Callable, given: dict) -> dict:
    """Every parameter with its checked value, given or default; raises LabError that names what is wrong."""
    parameters = described(experiment)
    for name in given:
        if name not in parameters:
            known = ", ".join(parameters)
            raise LabError(f"{experiment.__name__} has no parameter {name!r}; its parameters are: {known}")
    return {
        name: parameter.annotation.check(name, given.get(name, default(parameter)))
        for name, parameter in parameters.items()
    }
