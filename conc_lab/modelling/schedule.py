"""Two threads that update one count, in an order that somebody chooses step by step. A model: no thread runs."""

from functools import cache
from typing import NamedTuple

# The steps of one update, by rule: between two steps the other thread may have its turn.
RULES = {"call": ("read", "add write"), "plain": ("read add write",), "free-threaded": ("read", "add", "write")}
ENDED, WAITS = "ended", "waits"


class Thread(NamedTuple):
    """done: its finished updates; place: its steps in the present one; own: its copy of the count, within an update."""

    done: int = 0
    place: int = 0
    own: int | None = None


class State(NamedTuple):
    """Where the two threads, 0 and 1, stand; holder: the one that has the lock."""

    steps: tuple[str, ...]
    updates: int
    count: int = 0
    holder: int | None = None
    threads: tuple[Thread, Thread] = (Thread(), Thread())

    def next(self, number: int) -> str:
        """The thread's next step, or why it can make none now: `ENDED` or `WAITS`."""
        done, place, _ = self.threads[number]
        step = ENDED if done == self.updates else self.steps[place]
        return WAITS if step == "take" and self.holder is not None else step

    def ready(self) -> list[int]:
        """The threads that can make a step."""
        return [number for number in (0, 1) if self.next(number) not in (ENDED, WAITS)]

    def after(self, number: int) -> "State":
        """The state after the next step of a thread that is ready; the last step of an update gives the lock back."""
        (done, place, own), step, threads = self.threads[number], self.next(number), list(self.threads)
        own = (self.count if "read" in step else own or 0) + ("add" in step)
        last = place + 1 == len(self.steps)
        threads[number] = Thread(done + 1) if last else Thread(done, place + 1, None if step == "take" else own)
        holder = number if step == "take" else None if last else self.holder
        count = own if "write" in step else self.count
        return self._replace(count=count, holder=holder, threads=tuple(threads))


def start(rule: str, updates: int, lock: bool) -> State:
    """The state before the first step; with a lock, each thread takes it for each update."""
    return State(("take",) * lock + RULES[rule], updates)


@cache
def outcomes(state: State) -> dict[int, tuple[int, tuple[int, ...]]]:
    """{the count at the end: (how many orders of the steps that are left lead there, one of these orders)}."""
    found = {} if state.ready() else {state.count: (1, ())}
    for number in state.ready():
        for count, (many, order) in outcomes(state.after(number)).items():
            found[count] = (many + found.get(count, (0,))[0], (number, *order))
    return found
