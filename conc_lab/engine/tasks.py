"""What a worker does: functions that any worker can import, each with a value that can be checked.

A task is calibrated to a duration: `prepared` yields the arguments for which one call takes that long.
Spawned workers import this module, so whatever a bare worker lacks is imported where it is used.
"""

import contextlib
import math
import os
import socket
import threading
import time
from collections import namedtuple
from functools import cache, partial

NATURES = ("computes in Python", "computes, releases the GIL", "waits", "computes and waits", "your own")
COMPUTING, RELEASING, WAITING, MIXED, OWN = NATURES
_own = threading.local()  # of each worker, gone with it

# prepare(seconds): a context manager that yields the arguments for a call of that length;
# coroutine: the function's twin for asyncio; extension: a library it uses that refuses subinterpreters;
# worker_bytes: what a call keeps in each worker.
FIELDS = "name nature what function prepare coroutine extension worker_bytes"
Task = namedtuple("Task", FIELDS, defaults=(None, None, 0))
EXTENSION_BYTES = 30 << 20  # what such a library takes in each worker process
STREAM_BYTES = 64 << 20  # more than the caches of most machines hold


def count_primes(limit):
    """How many primes lie below `limit`, by trial division."""
    count = 0
    for number in range(2, limit):
        for divisor in range(2, math.isqrt(number) + 1):
            if number % divisor == 0:
                break
        else:
            count += 1
    return count


def sha256(blocks):
    """The digest of `blocks` blocks of 256 KiB; hashing more than 2047 bytes in one call releases the GIL."""
    import hashlib

    digest = hashlib.sha256()
    for _ in range(blocks):
        digest.update(_block(256 * 1024))
    return digest.hexdigest()


def compress(pieces):
    """The compressed size of a 16 KiB text, compressed `pieces` times; zlib releases the GIL."""
    import zlib

    text = _block(16 * 1024)
    return sum(len(zlib.compress(text)) for _ in range(pieces))


def matmul(products):
    """The sum of all entries after `products` products of 128 x 128 matrices; NumPy releases the GIL.

    The entries are small whole numbers, so the sum is exact in whatever order it is taken.
    """
    import numpy

    matrix = numpy.arange(128 * 128, dtype=float).reshape(128, 128) % 8
    return sum(int(numpy.dot(matrix, matrix).sum()) for _ in range(products))


def stream(times):
    """The bytes copied by copying 64 MiB to another place `times` times; each worker has its own two places.

    A function called through ctypes releases the GIL, even where it only copies.
    """
    import ctypes

    if not hasattr(_own, "places"):
        _own.places = ctypes.create_string_buffer(STREAM_BYTES), ctypes.create_string_buffer(STREAM_BYTES)
        ctypes.memset(_own.places[0], 1, STREAM_BYTES)
    source, target = _own.places
    for _ in range(times):
        ctypes.memmove(target, source, STREAM_BYTES)
    return times * STREAM_BYTES * target[-1][0]


def sleep(seconds):
    """Wait `seconds` and use no CPU time."""
    time.sleep(seconds)
    return seconds


def sleep_often(times):
    """Sleep `times` times for half a millisecond; the number of times."""
    for _ in range(times):
        time.sleep(0.0005)  # long enough for every sleep to give its CPU up
    return times


async def sleep_async(seconds):
    """`sleep` as a coroutine."""
    import asyncio

    return await asyncio.sleep(seconds, seconds)


def http(port, seconds):
    """GET from the loopback server on `port`, which answers after `seconds`; the body it sent.

    Written on the bare socket, as `http_async` is on a bare stream, so that both do the same work.
    """
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(_request(seconds))
        return _body(b"".join(iter(partial(connection.recv, 4096), b"")))


async def http_async(port, seconds):
    """`http` as a coroutine."""
    import asyncio

    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request(seconds))
    reply = await reader.read(-1)
    writer.close()
    return _body(reply)


def read_file(path, times):
    """The bytes read from a 1 MiB file in `times` readings.

    The file was written a moment ago and is in the page cache: this copies memory and waits for no disk.
    """
    buffer = bytearray(1 << 20)
    total = 0
    with open(path, "rb", buffering=0) as file:
        for _ in range(times):
            file.seek(0)
            total += file.readinto(buffer)
    return total


def mixed(limit, seconds):
    """Count the primes below `limit`, then wait `seconds`."""
    primes = count_primes(limit)
    time.sleep(seconds)
    return primes


@cache
def _block(size):
    import random

    return bytes(random.Random(size).choices(b"abcdefgh", k=size))


def _request(seconds):
    return b"GET /%g HTTP/1.0\r\n\r\n" % (seconds * 1000)


def _body(reply):
    return reply.partition(b"\r\n\r\n")[2].decode()


def calibrate(run, seconds, smallest=1):
    """The amount for which run(amount) takes about `seconds` of CPU time.

    Doubles the amount until a call takes at least half of that, then follows the slope of the last doubling.
    """
    from timeit import repeat

    # Windows advances a thread's CPU clock only every 16 ms.
    clock = time.perf_counter if os.name == "nt" else time.thread_time

    def took(amount):
        return min(repeat(partial(run, amount), timer=clock, repeat=3, number=1))

    run(smallest)  # what is imported or made on first use is not part of the task
    amount, before, now = smallest, 0, took(smallest)
    while now < seconds / 2:
        amount, before = amount * 2, now
        now = took(amount)
    slope = min(2.0, max(0.5, math.log2(now / before))) if before > 0 else 1.0
    return max(smallest, round(amount * (seconds / now) ** (1 / slope)))


def _calibrated(function, smallest=1):
    return lambda seconds: contextlib.nullcontext((calibrate(function, seconds, smallest),))


@contextlib.contextmanager
def _prepare_http(seconds):
    import subprocess

    from . import helper

    with helper.start("engine.http_server", stdin=subprocess.PIPE) as server:  # which ends when its stdin is closed
        yield (helper.heard(server, "the loopback server"), seconds)


@contextlib.contextmanager
def _prepare_file(seconds):
    import tempfile

    with tempfile.TemporaryDirectory(prefix="conc_lab-") as folder:
        path = os.path.join(folder, "data")
        with open(path, "wb") as file:
            file.write(_block(16 * 1024) * 64)
        yield (path, calibrate(lambda times: read_file(path, times), seconds))


def _prepare_mixed(seconds):
    return contextlib.nullcontext((calibrate(count_primes, seconds / 2, 64), seconds / 2))


_ALL = (
    Task("count_primes", COMPUTING, "pure Python", count_primes, _calibrated(count_primes, 64)),
    Task("sha256", RELEASING, "hash large blocks", sha256, _calibrated(sha256)),
    Task("zlib", RELEASING, "compress a text", compress, _calibrated(compress)),
    Task("matmul", RELEASING, "multiply matrices with NumPy", matmul, _calibrated(matmul), None, "NumPy"),
    Task("read_file", RELEASING, "read a file that is already in memory", read_file, _prepare_file),
    Task("stream", RELEASING, "copy 64 MiB of memory", stream, _calibrated(stream), None, None, 2 * STREAM_BYTES),
    Task("sleep", WAITING, "a timer", sleep, lambda seconds: contextlib.nullcontext((seconds,)), sleep_async),
    Task("http", WAITING, "fetch a page from this machine", http, _prepare_http, http_async),
    Task("mixed", MIXED, "half computing, half waiting", mixed, _prepare_mixed),
)
TASKS = {task.name: task for task in _ALL}


def alike(one, other):
    """Whether two values of a task are equal; pickles decide where `==` does not, as for NumPy's arrays and NaN."""
    with contextlib.suppress(Exception):  # arrays have no one truth value
        if one == other:
            return True
    import pickle

    return pickle.dumps(one) == pickle.dumps(other)
