"""You are the scheduler: two threads update one count, and the student says whose step is next.

All that is shown follows from the order of the steps (modelling/schedule.py). Real threads make the same steps, too
(experiments/races/scheduled.py). The texts are in lessons/04_races.json under "scheduler".
"""

from functools import partial
from itertools import accumulate, pairwise

import ipywidgets as widgets

from ..drawing import words
from ..drawing.shell.shell import Shell, button
from ..engine.machine import machine
from ..experiments.races.scheduled import scheduled
from ..modelling.schedule import UPDATES, State, start
from .bets import lessons

TEXTS = lessons()["04_races"]["scheduler"]
TOTAL, LOWEST = 2 * UPDATES, 2  # the highest and the lowest count in which an order of the steps can end


class Scheduler(Shell):
    """Two threads with three updates each, whose steps are those of a rule, with a lock or without."""

    def __init__(self):
        super().__init__(name="You are the scheduler")
        self._ends = set()  # (lock, count) of orders that were brought to their end
        self._rule = widgets.RadioButtons(options=TEXTS["rules"], description="Rule:", layout={"width": "max-content"})
        self._lock = widgets.Checkbox(description="with a lock", indent=False)
        again = partial(self._go, (), "A new start.")
        for control in (self._rule, self._lock):
            control.observe(again, "value")
        does = partial(self._step, 0), partial(self._step, 1), self._undo, again, self._run_real
        texts = zip(TEXTS["buttons"], does, strict=True)
        self._buttons = [button(text, do, layout={"width": "17em"}) for text, do in texts]
        self._table, self._goals, self._steps = (widgets.HTML().add_class("conc-lab-steps") for _ in range(3))
        buttons = widgets.HBox(self._buttons, layout={"flex_flow": "wrap"})
        self.show([self._rule, self._lock, self._table, buttons, self.status, self._goals, self._steps])
        self._go((), "Which thread takes the first step?")

    def _go(self, order, said="", _=None):
        """Show where the steps in this order lead, and say something, by default the last step."""
        first = start(self._rule.value, self._lock.value)
        self._order, self._states = order, [*accumulate(order, State.after, initial=first)]
        now, rows = self._states[-1], ""
        done = [UPDATES * made // len(now.steps) for made in now.made]
        for number, own in enumerate(now.own):
            doing, own = TEXTS["next"][now.next(number)], "–" if own is None else own
            self._buttons[number].description = f"Thread {number + 1}: {doing}"
            rows += TEXTS["row"].format(number + 1, doing, own, done[number], UPDATES)
        lock = TEXTS["lock"][-1 if now.holder is None else now.holder] if self._lock.value else ""
        facts = TEXTS["notes"][self._rule.value], now.count, sum(done), sum(done) - now.count, lock, rows
        self._table.value = TEXTS["table"].format(*facts)
        told = [_told(*pair, number) for pair, number in zip(pairwise(self._states), order, strict=True)]
        if not now.ready():
            self._ends.add((self._lock.value, now.count))
            told[-1] += f"; the end: {TOTAL - now.count} of {TOTAL} updates are lost"
        self._steps.value = TEXTS["made"].format("".join(f"<li>{line}</li>" for line in reversed(told)))
        self._goals.value = self._reached()
        self.say(said or words.sentence(told[-1]))

    def _reached(self):
        """The goals, each with its answer, which is folded up until the goal is reached."""
        counts = {count for lock, count in self._ends if not lock}
        reached = counts - {TOTAL}, LOWEST in counts, False, any(lock for lock, _ in self._ends)
        goals = (TEXTS["goal"][bool(done)].format(*goal) for done, goal in zip(reached, TEXTS["goals"], strict=True))
        return TEXTS["page"].format("".join(goals).format(min(counts, default="none yet")))

    def _step(self, number, _):
        now = self._states[-1]
        if number not in now.ready():
            return self.say(f"Thread {number + 1} {TEXTS['next'][now.next(number)]}.")
        self._go((*self._order, number))

    def _undo(self, _):
        self._go(self._order[:-1], "One step back." if self._order else "There is no step to undo.")

    def _run_real(self, _):
        if not self._order:
            return self.say("Take a step first: there is no order yet.")
        rule, model, steps = self._rule.value, self._states[-1].count, words.count(len(self._order), "step")
        real = scheduled(rule, UPDATES, self._lock.value, self._order)[-1]
        build = f"{rule}, {'GIL' if machine()['gil'] else 'no GIL'}"
        self.say(TEXTS["real"].format(steps=steps, real=real, model=model) + TEXTS["builds"].get(build, ""))


scheduler = Scheduler  # conc_lab's public name


def _told(before, after, number):
    """The step that a thread made between two states, in words."""
    step, lost = before.next(number), before.count + 1 - after.count
    said = f"thread {number + 1} {TEXTS['told'][step].format(before.count, after.count)}"
    if "write" in step and lost > 0:
        said += f"; it overwrites {words.count(lost, 'update')} of thread {2 - number}"
    return said + "; the lock is free" * (before.holder == number and after.holder is None)
