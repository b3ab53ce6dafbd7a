"""What a Python says of itself. Another Python runs this file as a script: it imports nothing of ours.

Its syntax is that of every Python 3, so that one which is too old can say so.
"""

import sys


def facts():
    """The version, whether it was built free-threaded, its start methods (the default first), and packages it has."""
    import multiprocessing
    import platform
    import sysconfig
    from importlib.util import find_spec

    return {
        "python": platform.python_version(),
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil": gil(),
        "start_methods": multiprocessing.get_all_start_methods(),
        "packages": [name for name in ("psutil", "numpy", "threadpoolctl", "distributed") if find_spec(name)],
    }


def gil():
    """Whether it has its GIL on; one that is built free-threaded may have it on because of what it imports."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file
    import json

    print(json.dumps(facts()))
