"""The receiving end of a hand-over: take what comes, say immediately that it is here, then prove what it was.

Imported by every spawned worker, so it imports nothing that a bare worker lacks. Bytes come as they are; a pair
(name, size) is the place of bytes in shared memory, and (name, None) asks to close that block.
"""

import os
import sys
import zlib
from multiprocessing.shared_memory import SharedMemory
from time import perf_counter_ns

END, HERE, READ = None, "here", "read"
# Before 3.13 attaching registers the block with the resource tracker, too: harmless, because maker and worker
# share one tracker (it runs before any worker starts), which knows a name once and forgets it at `unlink`.
UNTRACKED = {"track": False} if sys.version_info >= (3, 13) else {}


class WakingQueue:
    """A queue between interpreters with a semaphore that wakes the other side: its own get() looks every 10 ms."""

    def __init__(self, filled):
        from concurrent.interpreters import create_queue

        self.queue, self.filled = create_queue(), filled

    def put(self, item):
        self.queue.put(item)
        self.filled.release()

    def get(self):
        self.filled.acquire()
        return self.queue.get_nowait()


def receive(take, answer, cpus=()):
    """Serve until `END`: for each hand-over answer `HERE`, and to `READ` (CRC-32, seconds of this first reading).

    cpus: those that the worker may use, if not all.
    """
    if cpus:
        os.sched_setaffinity(0, cpus)
    blocks = {}
    while (received := take()) is not END:
        with _opened(received, blocks) as view:  # a block with a view of it cannot be closed
            answer(HERE)
            take()  # `READ`: the sender's clock has stopped; where there is one CPU, its turn would come after ours
            start = perf_counter_ns()
            answer((zlib.crc32(view), (perf_counter_ns() - start) / 1e9))
        del received


def _opened(received, blocks):
    """A view of the bytes that came, or of those in the block that was named."""
    if isinstance(received, bytes):
        return memoryview(received)
    name, size = received
    if name not in blocks:
        blocks[name] = SharedMemory(name, **UNTRACKED)
    if size is None:
        blocks.pop(name).close()
        return memoryview(b"")
    return blocks[name].buf[:size]
