"""An experiment's signature is the only description of its parameters: checks, controls and options read it.

Each parameter is annotated with one of the kinds below and has a default; a default may depend on the profile.
"""

import contextlib
import inspect
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import LabError

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
            known = isinstance(value, str) and value in self.elsewhere
            what = (
                f"{name} {quoted(value)} does not exist on this platform"
                if known
                else f"unknown {name} {quoted(value)}"
            )
            raise LabError(f"{what}; one of: {', '.join(allowed)}")
        return value


@dataclass(frozen=True)
class TaskName:
    """The name of a task, or a function that a worker can import."""

    help: str

    def options(self):
        from . import tasks

        return tasks.names()

    def check(self, name, value):
        from . import tasks

        if callable(value):
            value = _importable_name(value)
        if isinstance(value, str) and (value in tasks.names() or _is_own(value)):
            return value
        raise LabError(f"unknown task {quoted(value)}; one of: {', '.join(tasks.names())}")


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
        values = [self.of.check(self.singular, item) for item in ([value] if single else value)]
        if not values:
            raise LabError(f"{name} must not be empty: give at least one")
        return list(dict.fromkeys(values))


def _importable_name(function):
    """The task name, or "module:function", of a function object."""
    from ..student import own_task as own
    from . import tasks

    for task in tasks.TASKS.values():
        if task.function is function:
            return task.name
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", repr(function))
    if name in own.kept() and module.startswith(".".join(own.FOLDER.parts)):
        return name
    if module in (None, "__main__") or "." in name or "<" in name:
        raise LabError(
            f"{name} lives in this notebook, where no worker can import it: "
            f"define it in a cell of its own that begins with %%task {_plain(name)}, and give task='{_plain(name)}'"
        )
    return f"{module}:{name}"


def _plain(name):
    return name.rpartition(".")[2] if name.rpartition(".")[2].isidentifier() else "function"


def _is_own(value):
    """Whether "module:function" names a module that can be found from here (it is not imported here)."""
    from . import tasks

    module, colon, function = value.partition(":")
    if not colon:
        return False
    if tasks.spec(module) is None:
        raise LabError(f"no file for the task {value!r}: there is no module {module!r} beside this notebook")
    if not function.isidentifier():
        raise LabError(f"the task {value!r} must name a function of the module {module!r}, as in '{module}:function'")
    return True


def quoted(value) -> str:
    """The value as Python writes it, for a sentence, and no more than 100 characters of it.

    Not by reprlib, which fails before 3.14 on a whole number of more than 4300 digits.
    """
    try:
        text = repr(value)
    except Exception:  # such a number, or a student's __repr__
        return f"a value of type {type(value).__name__} that cannot be written"
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


def checked(experiment: Callable, given: dict) -> dict:
    """Every parameter with its checked value, given or default; raises LabError that names what is wrong."""
    parameters = described(experiment)
    for name in given:
        if name not in parameters:
            raise LabError(
                f"{experiment.__name__} has no parameter {name!r}; its parameters are: {', '.join(parameters)}"
            )
    return {
        name: parameter.annotation.check(name, given.get(name, default(parameter)))
        for name, parameter in parameters.items()
    }
