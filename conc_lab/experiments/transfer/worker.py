"""The receiving end of a hand-over: take what comes, say at once that it is here, then prove what it was.

Imported by every spawned worker, so it imports nothing that a bare worker lacks. Bytes come as they are; a pair
(name, size) is the place of bytes in shared memory, and (name, None) asks to let go of that block.
"""

import sys
import zlib
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter_ns

from ...engine import in_worker

END, HERE = None, "here"
# Before 3.13 attaching registers the block with the resource tracker, too: harmless, because maker and worker
# share one tracker (it runs before any worker starts), which knows a name once and forgets it at `unlink`.
UNTRACKED = {"track": False} if sys.version_info >= (3, 13) else {}


class WakingQueue:
    """A queue between interpreters with a semaphore that wakes the other side: its own get() looks every 10 ms."""

    def __init__(self, queue, filled):
        self.queue, self.filled = queue, filled

    def put(self, item):
        self.queue.put(item)
        self.filled.release()

    def get(self):
        self.filled.acquire()
        return self.queue.get_nowait()


def receive(take, answer):
    """Serve until `END`: for each hand-over answer `HERE`, then what `_proof` returns, or a Failure."""
    blocks = {}
    while (received := take()) is not END:
        view = in_worker.call(_opened, (received, blocks))
        answer(HERE)  # stops the sender's clock
        answer(view if isinstance(view, in_worker.Failure) else _proof(view))
        if isinstance(view, memoryview):
            view.release()  # a block with a view of it cannot be closed
        del received, view


def _opened(received, blocks):
    if not isinstance(received, tuple):
        return received
    name, size = received
    if size is None:
        blocks.pop(name).close()
        return b""
    if name not in blocks:
        blocks[name] = SharedMemory(name, **UNTRACKED)
    return blocks[name].buf[:size]


def _proof(view):
    """(CRC-32 of every byte, seconds that this first reading took): outside the sender's clock, for every channel."""
    start = perf_counter_ns()
    return zlib.crc32(view), (perf_counter_ns() - start) / 1e9
