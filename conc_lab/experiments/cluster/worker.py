"""What the workers of the cluster experiment do: nothing, or one of some tasks of which one ends its worker."""

import os

from ..faults.worker import mark, wait_for


def nothing(number: int) -> int:
    """The number."""
    return number


def one_of_many(folder: str, number: int, victim: int) -> int:
    """The task's number; the task `victim` ends its worker's process, the first time, and later ones wait till then.

    Each beginning leaves a file of its own. The caller says when to end the worker, and when its loss was noticed.
    """
    mark(folder, f"began-{number}-{os.urandom(4).hex()}")
    if number == victim and not os.path.exists(os.path.join(folder, "noticed")):
        wait_for(folder, "fire")
        os._exit(1)
    if number >= victim:
        wait_for(folder, "noticed")
    return number
