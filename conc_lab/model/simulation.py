"""A model of workers, CPUs and the lock, as a discrete-event simulation: who runs when, if they behaved by the rules.

A computing thread takes the lock (the GIL), then a CPU, and holds both until it is done or somebody has waited for the
lock, or for a CPU, for a switch interval. Both go to whoever has waited longest. A real lock is not fair: which of
several waiting threads gets it is up to the operating system, and one that waits often may get it seldom. Taking turns
is the one order that favours nobody, and with two threads it is what CPython forces: one that lets go for another waits
until another has had the lock. What the model leaves out: the parent's own need of a CPU, the system's migrations,
wake-ups and time slices, shared hardware; what workers cost comes in as figures (see `Costs`).
"""

import math
from collections import deque, namedtuple
from dataclasses import dataclass
from heapq import heappop, heappush

SWITCH_S = 0.005  # sys.getswitchinterval()'s default; also how long a worker keeps a CPU that others wait for
TINY_S = 1e-9  # less than any time that counts, more than what sums of floats are off by

Block = namedtuple("Block", "worker start_ms end_ms state share cpu task")
Held = namedtuple("Held", "worker start_ms end_ms")


@dataclass(frozen=True)
class Work:
    """What one task is: seconds of bytecode, of computing with the GIL released, and of waiting, in this order."""

    bytecode_s: float
    released_s: float = 0
    waits_s: float = 0

    @property
    def alone_s(self) -> float:
        return self.bytecode_s + self.released_s + self.waits_s


@dataclass(frozen=True)
class Costs:
    """What a kind of worker costs beyond the work: setup_s, to start one; handover_s, which the parent takes for each
    task, one after the other, and then its worker; cpu_cost, what computing takes as a multiple of what it takes alone.
    """

    setup_s: float = 0
    handover_s: float = 0
    cpu_cost: float = 1


@dataclass(frozen=True)
class Modelled:
    """One run of the model: how many tasks by what kind of worker, how long, who did what when, and held the lock."""

    kind: str
    tasks: int
    wall_s: float
    blocks: list
    held: list

    @property
    def cores_busy(self) -> float:
        return sum(block.end_ms - block.start_ms for block in self.blocks if block.state == "runs") / 1000 / self.wall_s

    def rows(self) -> list[dict]:
        """Rows as the timeline's: one for each task of a worker; the CPU is the one on which it ended."""
        tasks = {}
        for block in self.blocks:
            tasks.setdefault((block.worker, block.task), []).append(block)
        made = []
        for (worker, _), blocks in sorted(tasks.items()):
            ran = [block for block in blocks if block.state == "runs"]
            row = {"kind": self.kind, "worker": worker, "start_ms": blocks[0].start_ms, "end_ms": blocks[-1].end_ms}
            row |= {"cpu_ms": sum(block.end_ms - block.start_ms for block in ran), "cpu": ran[-1].cpu if ran else None}
            made.append(row)
        return made


class Turns:
    """Things of which a worker has one at a time (CPUs by number, or one lock), given to who has waited longest.

    SimPy's own resources do the same with three events where this has one, or none.
    """

    def __init__(self, world, things):
        self._world, self._free, self._waiting = world, list(things), deque()

    def take(self):
        """A generator that ends with the thing, of several that are free with the first."""
        if self._free:
            return heappop(self._free)
        turn = self._world.event()
        self._waiting.append((self._world.now, turn))
        return (yield turn)

    def give_back(self, thing):
        if self._waiting:
            self._waiting.popleft()[1].succeed(thing)
        else:
            heappush(self._free, thing)

    def longest(self) -> float:
        """Since when somebody has waited, infinity where nobody does."""
        return self._waiting[0][0] if self._waiting else math.inf


def simulate(
    work: Work, kind: str, workers: int, cpus: int, tasks: int, costs: Costs = Costs(), gil: bool = True
) -> Modelled:
    """Let so many workers of this kind do the tasks on so many CPUs, from the first hand-over to the last result.

    Threads share one lock, where there is a GIL; every other kind of worker has an interpreter and a lock for itself.
    The coroutines of asyncio share their one thread instead, and none leaves it before it has to wait.
    """
    import simpy

    world, queue, blocks, held = simpy.Environment(), deque(range(tasks)), [], []
    one_thread = kind in ("asyncio", "serial")
    shared = Turns(world, [0]) if one_thread or (kind == "threads" and gil) else None
    free = Turns(world, range(cpus))

    def note(worker, task, since, state, cpu=None):
        if world.now > since:
            blocks.append(Block(worker, 1000 * since, 1000 * world.now, state, float(state == "runs"), cpu, task))

    def compute(worker, task, left, lock):
        while left > TINY_S:
            since = world.now
            key = (yield from lock.take()) if lock else None
            note(worker, task, since, "lock")
            taken = world.now
            cpu = yield from free.take()
            note(worker, task, taken, "cpu")
            began = world.now
            due = math.inf if one_thread else began + SWITCH_S
            while left > TINY_S and due > world.now + TINY_S:
                ran = min(left, due - world.now)
                yield world.timeout(ran)
                left -= ran
                longest = min(lock.longest() if lock else math.inf, free.longest())
                due = max(due, min(max(began, longest), world.now) + SWITCH_S)
            note(worker, task, began, "runs", cpu)
            free.give_back(cpu)
            if lock:
                held.append(Held(worker, 1000 * taken, 1000 * world.now))
                lock.give_back(key)

    def worker(number):
        while queue:
            task = queue.popleft()
            yield world.timeout(max(0, (task + 1) * costs.handover_s - world.now) + costs.handover_s)
            yield from compute(number, task, work.bytecode_s * costs.cpu_cost, shared)
            yield from compute(number, task, work.released_s * costs.cpu_cost, shared if one_thread else None)
            since = world.now
            yield world.timeout(work.waits_s)
            note(number, task, since, "waits")

    for number in range(workers):
        world.process(worker(number))
    world.run()
    return Modelled(kind, tasks, world.now, blocks, held)
