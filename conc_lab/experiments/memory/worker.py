"""The program whose memory is measured, and its workers' part in it.

Started for one variant by measure.py, which measures it from outside. Spawned workers import this
module, so it imports nothing that a bare pool's worker lacks.
"""

import os
import sys

_data = None  # found by threads and forked workers, made anew by all others


def make(form: str, size: int):
    """`size` bytes of memory, each page written: a bytearray, or a list of ints of which no two are the same."""
    if form == "bytes":
        return bytearray(b"x") * size
    each = 8 + -(-sys.getsizeof(1 << 29) // 16) * 16  # where the item is, and the int: memory comes in steps of 16
    return list(range(1 << 20, (1 << 20) + size // each))  # beyond the small ints that exist already


def act(form: str, size: int, touch: str) -> None:
    """What each worker does once: leave the data alone, read all of it, or write to every page of it."""
    global _data
    if touch == "untouched":
        return
    _data = _data or make(form, size)
    if touch == "read":
        _data.count(0)  # of a list, this counts the references to each int up and down, as a loop over it does
    elif form == "bytes":
        _data[::4096] = b"y" * len(range(0, len(_data), 4096))  # no platform has smaller pages
    else:
        for index in range(len(_data)):
            _data[index] += 1


def main() -> None:
    """The program's end of `hold`."""
    from ...engine import helper

    helper.run(hold)


def hold(kind: str, workers: int, form: str, data_bytes: int, touch: str) -> None:
    """Make the data, say so; at a byte on stdin open the workers, let each act, say their pids; wait, close."""
    global _data
    from ...engine import helper, pools

    _data = make(form, data_bytes)  # of "none": an empty list
    helper.say("ready")
    if os.read(0, 1):
        with pools.opened(kind, workers) as pool:
            helper.say([usage.pid for usage in pool.usages(act, (form, data_bytes, touch))])
            os.read(0, 1)
