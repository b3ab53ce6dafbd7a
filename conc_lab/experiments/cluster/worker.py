"""What the workers of the cluster experiment do: nothing, or one of some tasks of which one ends its worker."""

import os

from ..faults.worker import mark, wait_for

BEGAN = "began-"  # in the name of the file that each beginning of a task leaves, before its number
FIRED, NOTICED = "fired", "noticed"  # the caller says: end your worker; the loss was noticed


def nothing(number: int) -> int:
    """The number."""
    return number


def one_of_many(folder: str, number: int, victim: int) -> int:
    """The task's number; the task `victim` ends its worker's process, the first time, and later ones wait till then."""
    mark(folder, f"{BEGAN}{number}-{os.urandom(4).hex()}")
    if number == victim and not os.path.exists(os.path.join(folder, NOTICED)):
        wait_for(folder, FIRED)
        os._exit(1)
    if number >= victim:
        wait_for(folder, NOTICED)
    return number
