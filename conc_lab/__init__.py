"""Timed thread and process experiments for the notebooks next to it: `import conc_lab as lab`.

Public names are imported when they are first used, so that a spawned worker, which imports this package to
find its task, does not pay for pandas or matplotlib. Every folder of experiments/ is a public name.
"""

import importlib
import os
import sys

_HOMES = {
    "engine.errors": ("LabError",),
    "engine.result": ("load", "recording"),
    "engine.run": ("stop",),
    "drawing.facts": ("machine",),
    "drawing.picture": ("show",),
    "claim_table": ("claims",),
    "student.bets": ("bet", "question"),
    "student.class_results": ("gather",),
    "student.compare": ("compare",),
    "student.elsewhere": ("expect",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_STUDENT = "export", "inventory", "laws", "model", "panel", "play", "scheduler", "web_server"
_HOME |= {name: f"student.{name}" for name in _STUDENT}
_EXPERIMENTS = [entry.name for entry in os.scandir(os.path.join(__path__[0], "experiments")) if entry.is_dir()]
__all__ = sorted([*_HOME, *(name for name in _EXPERIMENTS if not name.startswith("_"))])


def __getattr__(name):
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in __all__:
        value = importlib.import_module(".student.cell", __name__).experiment_call(name)
    else:
        raise AttributeError(f"conc_lab has no {name!r}; it has: {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__():
    return __all__


def _task(line, cell):
    """`%%task` in a notebook, which has it from the import of this package."""
    from .student.own_task import magic

    magic(line, cell)


if shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)():
    shell.register_magic_function(_task, "cell", "task")
