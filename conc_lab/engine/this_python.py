"""What a Python says of itself. Another Python runs this file as a script: it imports nothing of ours.

Its syntax is that of every Python 3, so that one which is too old can say so.
"""

import multiprocessing
import platform
import sys


def facts():
    """The version, whether it was built free-threaded, whether its GIL is on, its start methods (the default first)."""
    import sysconfig  # which loads a big table: not in a program that is measured

    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    methods = multiprocessing.get_all_start_methods()
    return {"python": platform.python_version(), "free_threaded": free_threaded, "gil": gil(), "start_methods": methods}


def gil():
    """Whether the GIL is on; in a free-threaded build it can be, because of what was imported."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def packages():
    """Those that an experiment may need and this Python has."""
    from importlib.util import find_spec

    return [name for name in ("psutil", "numpy", "threadpoolctl", "distributed") if find_spec(name)]


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file
    import json

    print(json.dumps(dict(facts(), packages=packages())))
