"""A task that can crash its worker, for the lesson on failing workers; imported by bare spawned workers."""

import multiprocessing
import os
import time


def square_or_crash(number: float) -> float:
    """The square of a number, after a tenth of a second for each unit of it; a negative one ends the worker instead."""
    if multiprocessing.parent_process() is None:
        raise RuntimeError("square_or_crash could end the notebook's own process: call it in a worker process")
    time.sleep(abs(number) / 10)  # so 600 is sure to be under way when another task crashes, a moment later
    if number < 0:
        os._exit(3)
    return number**2
