"""Timed thread and process experiments for the notebooks beside it: `import conc_lab as lab`.

Public names are imported when they are first used, so that a spawned worker, which imports this package to
find its task, does not pay for pandas or matplotlib.
"""

import importlib
import sys

_HOMES = {
    "machine": "this_machine",
    "load": "result",
    "recording": "result",
    "gather": "gathering",
    "LabError": "errors",
    "show": "charts",
    "panel": "panels",
    "bet": "lesson",
    "question": "lesson",
    "claims": "claim_table",
    "expect": "expectations",
    "check": "lesson",
    "export": "scripts",
}
EXPERIMENTS = (  # each is a module in experiments/ and one in charts/
    "speedup",  # a line each
    "faults",
    "timeline",
    "sharing",
    "startup",
    "memory",
    "switching",
    "transfer",
    "races",
    "advise",
)
__all__ = sorted([*_HOMES, *EXPERIMENTS])


def __getattr__(name):
    if name in EXPERIMENTS:
        value = importlib.import_module(".cells", __name__).experiment_call(name)
    elif name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    else:
        raise AttributeError(f"conc_lab has no {name!r}; it has: {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__():
    return __all__


def load_ipython_extension(shell):
    """Add `%%task` to this IPython; importing the package in a notebook does it."""

    def task(line, cell):
        from .student.own_task import magic

        magic(line, cell)

    shell.register_magic_function(task, "cell")


if shell := getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)():
    load_ipython_extension(shell)
