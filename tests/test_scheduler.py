"""You are the scheduler: the model's counts, the same orders in real threads, and the widget as a student uses it."""

import dis
import inspect
import itertools
import random
import re
from collections import Counter
from functools import reduce

from conc_lab.experiments.races.scheduled import scheduled
from conc_lab.modelling.schedule import RULES, State, start
from conc_lab.student import scheduler


class Page:
    """A scheduler and its buttons by what a student sees on them."""

    def __init__(self):
        self.box = scheduler.scheduler()
        self.rule, self.lock = self.box._rule, self.box._lock

    def press(self, *labels):
        """Press these buttons one after the other and return what is said then; 0 and 1 are the threads."""
        for label in labels:
            label = f"Thread {label + 1}" if isinstance(label, int) else label
            (button,) = [button for button in self.box._buttons if button.description.startswith(label)]
            button.click()
        return self.said

    @property
    def said(self):
        return self.box.status.said

    @property
    def labels(self):
        return [button.description for button in self.box._buttons]

    @property
    def text(self):
        """What stands in the page, without tags."""
        return re.sub(r"<[^>]*>", " ", self.box._table.value + self.box._goals.value)

    @property
    def answers(self):
        """How many answers are not folded up."""
        return 4 - self.box._goals.value.count("<details>")


def every_order(state):
    """All orders of steps, found one by one."""
    if not state.ready():
        yield ()
    for number in state.ready():
        yield from ((number, *rest) for rest in every_order(state.after(number)))


def test_which_counts_can_be_reached():
    """Of two threads with three updates each, 2 is the lowest count and 6 the highest, where updates can be lost."""
    for rule, lock, updates, reached in (
        ("call", False, 3, {2, 3, 4, 5, 6}),
        ("free-threaded", False, 2, {2, 3, 4}),
        ("plain", False, 3, {6}),
        ("call", True, 3, {6}),
        ("plain", True, 3, {6}),
        ("free-threaded", True, 3, {6}),
    ):
        first = start(rule, lock, updates)
        found = Counter(reduce(State.after, order, first).count for order in every_order(first))
        assert set(found) == reached, (rule, lock)
        if rule == "call" and not lock:
            assert (found[scheduler.LOWEST], found.total()) == (8, 924)  # as the widget says


def test_real_threads_make_the_same_steps(nothing_left):
    """Under every rule, with a lock and without, real threads count after each step what the model says, and end; and
    in their plain update nothing stands between read and write where a switch could be, in the other the call.
    """
    chance = random.Random(4)
    for rule, lock in itertools.product(RULES, (False, True)):
        order, states = [], [start(rule, lock)]
        while ready := states[-1].ready():
            order.append(chance.choice(ready))
            states.append(states[-1].after(order[-1]))
        for made in (len(order), len(order) // 2):  # in the middle, a thread may have the lock
            counts = [state.count for state in states[: made + 1]]
            assert scheduled(rule, 3, lock, order[:made]) == counts, (rule, lock, order[:made])
    lines = inspect.getsource(scheduled)
    for update, between in (("shared.count += 1", False), ("shared.count += switch()", True)):
        assert update in lines
        names = [item.opname for item in dis.get_instructions(compile(update, "", "exec"))]
        inside = names[names.index("LOAD_ATTR") : names.index("STORE_ATTR")]
        assert any("CALL" in name for name in inside) == between and not any("JUMP" in name for name in inside)


def test_steps_by_hand():
    """Each step is said, an update that it overwrites is told, a thread that waits or has ended makes none, and what is
    undone or begun again is gone.
    """
    page = Page()
    assert page.press("Undo") == "There is no step to undo."
    assert page.press(0) == "Thread 1 reads 0." and page.press(1) == "Thread 2 reads 0."
    assert page.labels[:2] == ["Thread 1: add 1, write", "Thread 2: add 1, write"]
    assert page.press(0) == "Thread 1 adds 1 and writes 1."
    assert page.press(1) == "Thread 2 adds 1 and writes 1; it overwrites one update of thread 1."
    assert "Updates made: 2; lost: 1." in page.text
    assert page.press(0, 0, 0, 0, 0) == "Thread 1 has ended."
    end = "Thread 2 adds 1 and writes 5; the end: 1 of 6 updates are lost."
    assert page.press(1, 1, 1, 1) == end
    assert page.press("Undo") == "One step back." and page.labels[1] == "Thread 2: add 1, write"
    page.lock.value = True
    assert page.said == "A new start." and "The lock is free." in page.text
    assert page.press(0) == "Thread 1 takes the lock."
    assert page.press(1) == "Thread 2 waits for the lock." == page.labels[1].replace(":", "") + "."
    assert page.press(0, 0) == "Thread 1 adds 1 and writes 1; the lock is free."
    page.rule.value = "plain"
    assert page.press("Start again", *[0] * 6, *[1] * 6).endswith("the end: 0 of 6 updates are lost.")


def test_goals():
    """A goal that is reached is marked, and its answer is told; that of another one is folded up."""
    page = Page()
    assert "Your lowest so far: none yet." in page.text
    page.press("Start again", *[0] * 6, *[1] * 6)
    assert "Your lowest so far: 6." in page.text and "✓" not in page.text and not page.answers
    page.lock.value = True
    page.press(*[0] * 9, *[1] * 9)
    assert page.text.count("✓") == 1 == page.answers
    assert "Nobody can. A thread that wants the lock waits until it is free." in page.text
    shown = re.search(r"8 of 924 orders end with 2, .*: ([12, ]+)\.", page.text)[1]
    page.lock.value = False
    page.press(*(int(number) - 1 for number in shown.split(", ")))
    assert "Your lowest so far: 2." in page.text and page.text.count("✓") == 3 == page.answers


def test_the_order_in_real_threads(nothing_left):
    """The student's order is run in real threads, which is said, with both counts."""
    page = Page()
    page.rule.value = "free-threaded"
    page.press(0, 1, 0, 1, 0)
    said = page.press("Run this", "Run this")
    assert said.startswith(
        "Two real threads took your five steps, each after a signal. Their count: 1. The model's: 1. "
    )
    assert ("not how often" in said) == scheduler.machine()["gil"]
