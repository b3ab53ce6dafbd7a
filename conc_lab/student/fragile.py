"""A task that can crash its worker, for the lesson on failing workers; imported by bare spawned workers."""

import multiprocessing
import os
import time


def square_or_crash(number: float) -> float:
    """The square of a number; a negative one ends the worker's process instead, half a second later."""
    if multiprocessing.parent_process() is None:
        raise RuntimeError("square_or_crash was called in the notebook's own process, which it could end")
    if number < 0:
        time.sleep(0.5)  # so that the pool has taken in all tasks, and the others are done
        os._exit(3)
    return number**2
