"""Two threads that update one count, in an order that somebody chooses step by step. A model: no thread runs."""

from collections import namedtuple

UPDATES = 3  # of each thread
# The steps of one update, by rule: between two steps the other thread may have its turn.
RULES = {"call": ("read call", "add write"), "plain": ("read add write",), "free-threaded": ("read", "add", "write")}


class State(namedtuple("State", "steps made own count holder", defaults=((0, 0), (None, None), 0, None))):
    """Where the two threads, 0 and 1, stand.

    steps: all that each of them has to make; made: how many each has made; own: of each, its copy of the count, None
    but within an update; holder: the one that has the lock, or None.
    """

    def next(self, number: int) -> str:
        """The thread's next step, or why it can make none now: "ended" or "waits"."""
        step = (*self.steps, "ended")[self.made[number]]
        return "waits" if step == "take" and self.holder is not None else step

    def ready(self) -> list[int]:
        """The threads that can make a step."""
        return [number for number in (0, 1) if self.next(number) in self.steps]

    def after(self, number: int) -> "State":
        """The state after the next step of a thread that is ready; to write gives the lock back."""
        step, made, own, count, holder = self.next(number), [*self.made], [*self.own], self.count, self.holder
        made[number] += 1
        if step == "take":
            holder = number
        if "read" in step:
            own[number] = count
        if "add" in step:
            own[number] += 1
        if "write" in step:
            count, own[number], holder = own[number], None, None
        return State(self.steps, tuple(made), tuple(own), count, holder)


def start(rule: str, lock: bool, updates: int = UPDATES) -> State:
    """The state before the first step; with a lock, each thread takes it for each update."""
    return State((("take",) * lock + RULES[rule]) * updates)
