"""What `lab.advise` is scored on: items of many kinds, as a student writes them; `NAME_item()` makes an argument."""

import hashlib
import threading
import time
import zlib

LOCK = threading.Lock()
BLOCK = bytes(range(256)) * 4096


class Unpicklable:
    """Holds what no other process can be given."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = list(range(60_000))


def python_long():
    return sum(number * number for number in range(1_000_000))


def python_short():
    return sum(number * number for number in range(10_000))


def hashing():
    return hashlib.sha256(BLOCK * 4).hexdigest()


def compressing():
    return len(zlib.compress(BLOCK[:200_000], 9))


def matrices():
    import numpy

    matrix = numpy.arange(300 * 300, dtype=float).reshape(300, 300) % 8
    return int((matrix @ matrix).sum())


def sleeping():
    time.sleep(0.02)
    return 1


def tiny(number):
    return number + 1


def tiny_item():
    return 41


def large_argument(numbers):
    return sum(numbers)


def large_argument_item():
    return [number * 1000 for number in range(200_000)]


def large_result():
    return [number * 3 for number in range(200_000)]


def unpicklable_argument(holder):
    return sum(number * number for number in holder.numbers)


unpicklable_argument_item = Unpicklable


def holds_lock():
    with LOCK:
        return python_short()


def waits_in_lock():
    with LOCK:
        time.sleep(0.02)
    return 1


def mixed():
    time.sleep(0.01)
    return sum(number * number for number in range(100_000))
