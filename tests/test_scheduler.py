"""You are the scheduler: the model's counts, the same orders in real threads, and the widget as a student uses it."""

import dis
import inspect
import itertools
import re
from collections import Counter
from functools import reduce

import pytest

from conc_lab.engine.errors import LabError
from conc_lab.experiments.races.scheduled import scheduled
from conc_lab.modelling.schedule import RULES, State, outcomes, start
from conc_lab.student import scheduler

LOWEST = (0, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0)  # of two threads with three updates each, with a call: 2


class Page:
    """A scheduler and its buttons by what a student sees on them."""

    def __init__(self, **how):
        self.box = scheduler.scheduler(**how)
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
    """Of two threads with three updates each, 2 is the lowest count and 6 the highest, where updates can be lost; all
    orders, tried one by one, end as `outcomes` says.
    """
    for rule, lock, updates, reached in (
        ("call", False, 3, {2, 3, 4, 5, 6}),
        ("free-threaded", False, 2, {2, 3, 4}),
        ("plain", False, 3, {6}),
        ("call", True, 3, {6}),
        ("plain", True, 3, {6}),
        ("free-threaded", True, 3, {6}),
    ):
        first = start(rule, updates, lock)
        found = Counter(reduce(State.after, order, first).count for order in every_order(first))
        assert found == {count: many for count, (many, _) in outcomes(first).items()}, (rule, lock)
        assert set(found) == reached, (rule, lock)
        for count, (_, order) in outcomes(first).items():
            assert reduce(State.after, order, first).count == count
    assert set(outcomes(start("free-threaded", 3, False))) == {2, 3, 4, 5, 6}
    assert reduce(State.after, LOWEST, start("call", 3, False)).count == 2


def test_real_threads_make_the_same_steps(nothing_left):
    """Under every rule, with a lock and without, real threads count after each step what the model says, and end; and
    in their plain update nothing stands between read and write where a switch could be, in the other the call.
    """
    for rule, lock in itertools.product(RULES, (False, True)):
        ends = outcomes(start(rule, 3, lock))
        order = ends[min(ends)][1][: None if lock else -1]  # without a lock, one thread is in its last update then
        states = [*itertools.accumulate(order, State.after, initial=start(rule, 3, lock))]
        assert scheduled(rule, 3, lock, order) == [state.count for state in states], (rule, lock)
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
    page = Page(updates=1)
    assert page.press("Undo") == "There is no step to undo."
    assert page.press(0) == "Thread 1 reads 0." and page.press(1) == "Thread 2 reads 0."
    assert page.labels[:2] == ["Thread 1: add 1, write", "Thread 2: add 1, write"]
    assert page.press(0) == "Thread 1 adds 1 and writes 1."
    lost = "Thread 2 adds 1 and writes 1; it overwrites one update of thread 1."
    assert page.press(1) == f"{lost} The end: 1 of 2 updates are lost, as in 4 of 6 orders."
    assert "Updates made: 2; lost: 1." in page.text
    assert page.press(1) == "Thread 2 has ended."
    assert page.press("Undo") == "One step back." and page.labels[1] == "Thread 2: add 1, write"
    page.lock.value = True
    assert page.said == "A new start." and "The lock is free." in page.text
    assert page.press(0) == "Thread 1 takes the lock."
    assert page.press(1) == "Thread 2 waits for the lock." == page.labels[1].replace(":", "") + "."
    assert page.press(0, 0) == "Thread 1 adds 1 and writes 1; the lock is free."
    page.rule.value = "plain"
    assert page.press("Start again", 0, 0, 1, 1).endswith("0 of 2 updates are lost, as in 2 of 2 orders.")


def test_goals():
    """A goal that is reached is marked, and its answer is told; that of another one is folded up."""
    page = Page()
    assert "Your lowest so far: none yet." in page.text
    page.press("Start again", *[0] * 6, *[1] * 6)
    assert "Your lowest so far: 6." in page.text and "✓" not in page.text and not page.answers
    page.lock.value = True
    page.press(*[0] * 9, *[1] * 9)
    assert page.text.count("✓") == 1 == page.answers
    assert "Nobody can: all orders that the lock allows end with 6." in page.text
    shown = re.search(r"8 of 924 orders end there\. .*: \[([12, ]+)\]", page.text)[1]
    page.lock.value = False
    page.press(*(int(number) - 1 for number in shown.split(", ")))
    assert "Your lowest so far: 2." in page.text and page.text.count("✓") == 3 == page.answers


def test_the_order_in_real_threads(nothing_left):
    """The student's order is run in real threads, which is said, with both counts."""
    page = Page()
    page.rule.value = "free-threaded"
    page.press(0, 1, 0, 1, 0)
    said = page.press("Run this", "Run this")
    assert said.startswith("Two real threads made your five steps in your order; each waited for a signal")
    assert "Their count: 1. The model's: 1. Without these signals the system would choose the order." in said
    assert ("not how often" in said) == scheduler.machine()["gil"]


def test_what_is_refused():
    """Too many updates are refused in one sentence."""
    with pytest.raises(LabError, match=r"^updates must be a whole number between 1 and 5, got 6$"):
        scheduler.scheduler(updates=6)
