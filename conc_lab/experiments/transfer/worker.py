"""The receiving end of a hand-over: take what comes, say at once that it is here, then prove what it was.

Imported by every spawned worker, so it imports nothing that a bare worker lacks. Bytes come as they are; a pair
(name, size) is the place of bytes in shared memory, and (name, None) asks to let go of that block.
"""

import os
import sys
import zlib
from functools import partial
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter_ns

from ...engine import in_worker as _worker

END = None
HERE = "here"


def receive(take, answer):
    """Serve until `END`: for each hand-over answer `HERE`, then what `_proof` returns, or a Failure."""
    blocks = {}
    while (received := take()) is not END:
        view = _worker.call(_opened, (received, blocks))
        answer(HERE)  # stops the sender's clock
        answer(view if isinstance(view, _worker.Failure) else _proof(view))
        if isinstance(view, memoryview):
            view.release()  # a block with a view of it cannot be closed
        del received, view


def receive_by_pipes(inbox, outbox):
    """`receive` in a process."""
    receive(inbox.recv, outbox.send)


def receive_in_interpreter(inbox, outbox, arrived, answered):
    """`receive` in a subinterpreter: get() of its queues looks only every 10 ms, so a byte in a pipe wakes it."""
    receive(partial(take_awake, inbox, arrived), partial(put_awake, outbox, answered))


def put_awake(queue, descriptor, item):
    """Put an item into an interpreters' queue and wake the other side."""
    queue.put(item)
    os.write(descriptor, b".")


def take_awake(queue, descriptor):
    """The next item of an interpreters' queue, as soon as the other side has put it."""
    os.read(descriptor, 1)
    return queue.get_nowait()


def attached(name):
    """The block of shared memory of this name; its maker alone has to answer for it.

    Before 3.13 attaching registers the block with the resource tracker, too: harmless, because maker and worker
    share one tracker (it runs before any worker starts), which knows a name once and forgets it at `unlink`.
    """
    return SharedMemory(name, track=False) if sys.version_info >= (3, 13) else SharedMemory(name)


def _opened(received, blocks):
    if not isinstance(received, tuple):
        return received
    name, size = received
    if size is None:
        blocks.pop(name).close()
        return b""
    if name not in blocks:
        blocks[name] = attached(name)
    return blocks[name].buf[:size]


def _proof(view):
    """(CRC-32 of every byte, seconds that this first reading took): outside the sender's clock, for every way."""
    start = perf_counter_ns()
    return zlib.crc32(view), (perf_counter_ns() - start) / 1e9
