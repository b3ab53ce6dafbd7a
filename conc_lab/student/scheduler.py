"""You are the scheduler: two threads update one count, and the student says whose step is next.

All that is shown follows from the order of the steps (modelling/schedule.py). Real threads make the same steps in a
program of their own (experiments/races/scheduled.py). The texts are in lessons/04_races.json under "scheduler".
"""

import threading
from contextlib import ExitStack
from functools import partial
from itertools import accumulate, pairwise

import ipywidgets as widgets

from ..drawing import words
from ..drawing.shell.shell import Shell
from ..engine import helper, session
from ..engine.errors import LabError
from ..engine.machine import machine
from ..engine.parameters import Number, OneOf
from ..modelling.schedule import RULES, State, outcomes, start
from .bets import lessons

TEXTS = lessons()["04_races"]["scheduler"]
REAL_S = 20  # until the program with the real threads is ended; it takes 0.1 s here
AS_WIDE = {"width": "max-content"}
TRIES = 3  # orders brought to their end before the answers are offered


class Scheduler(Shell):
    """Two threads with so many `updates` each, whose steps are those of a rule, with a lock or without.

    rule: "call" (count += price()), "plain" (count += 1) or "free-threaded" (count += 1 without a GIL).
    """

    def __init__(self, rule: str = "call", updates: int = 3, lock: bool = False):
        super().__init__(name="You are the scheduler")
        OneOf(lambda: [*RULES], "").check("rule", rule)
        self._updates = Number(1, 5, "").check("updates", updates)
        self._ends, self._told = [], False  # ends: (lock, count) of each order brought to its end
        options = [(text, name) for name, text in TEXTS["rules"].items()]
        self._rule = widgets.RadioButtons(options=options, value=rule, description="Rule:", layout=AS_WIDE)
        self._lock = widgets.Checkbox(lock, description="with a lock", indent=False)
        again, undo = (
            lambda _: self._go((), "A new start."),
            lambda _: self._go(self._order[:-1], "One step back." if self._order else "There is no step to undo."),
        )
        for control in (self._rule, self._lock):
            control.observe(again, "value")
        self._buttons = [
            widgets.Button(description=text, layout=AS_WIDE if text else {"width": "17em"}) for text in TEXTS["buttons"]
        ]
        does = partial(self._step, 0), partial(self._step, 1), undo, again, self._run_real, self._show
        for button, do in zip(self._buttons, does, strict=True):
            button.on_click(do)
        self._table, self._goals = widgets.HTML(), widgets.HTML()
        buttons = widgets.HBox(self._buttons, layout={"flex_flow": "wrap"})
        self.show([self._rule, self._lock, self._table, buttons, self.status, self._goals])
        self._go((), "Which thread makes the first step?")

    def _states(self):
        first = start(self._rule.value, self._updates, self._lock.value)
        return [*accumulate(self._order, State.after, initial=first)]

    def _go(self, order, said):
        """Show where the steps in this order lead, and say something."""
        self._order, rule = order, self._rule.value
        states, steps, rows = self._states(), ["take the lock"] * self._lock.value + TEXTS["steps"][rule], ""
        for number, (done, place, own) in enumerate((now := states[-1]).threads):
            doing = TEXTS["why"].get(now.next(number)) or steps[place]
            self._buttons[number].description = f"Thread {number + 1}: {doing}"
            facts = {"number": number + 1, "done": done, "all": self._updates, "own": "–" if own is None else own}
            rows += TEXTS["row"].format(doing=doing, **facts)
        made = sum(thread.done for thread in now.threads)
        facts = {"note": TEXTS["notes"][rule], "rows": rows, "count": now.count, "made": made, "lost": made - now.count}
        facts["lock"] = TEXTS["lock"][-1 if now.holder is None else now.holder] if self._lock.value else ""
        told = [_told(*pair, number) for pair, number in zip(pairwise(states), order, strict=True)]
        self._table.value = TEXTS["table"].format(**facts)
        steps = "".join(f"<li>{line}</li>" for line in reversed(told))
        self._goals.value = TEXTS["page"].format(goals=self._reached(), steps=steps)
        self._buttons[-1].layout.display = "" if len(self._ends) >= TRIES else "none"
        self.say(said)

    def _reached(self):
        """The goals; each with its answer where it is reached."""
        ends, total, goals = outcomes(start("call", self._updates, False)), 2 * self._updates, ""
        lowest, mine = min(ends), min((count for lock, count in self._ends if not lock), default=total)
        facts = {"total": total, "more": total + 1, "few": ends[lowest][0], "all": _orders(ends)}
        reached = mine < total, mine == lowest, self._told, any(lock for lock, _ in self._ends)
        for done, (goal, answer) in zip(reached, TEXTS["goals"], strict=True):
            goals += f"<li>{'✓' if done else '○'} {goal} {f'<b>{answer}</b>' if done else ''}</li>"
        mine = mine if self._ends else "none yet"
        return goals.format(each=words.count(self._updates, "update"), mine=mine, **facts)

    def _step(self, number, _):
        now, total, ends = self._states()[-1], 2 * self._updates, outcomes(self._states()[0])
        if number not in now.ready():
            return self.say(f"Thread {number + 1} {TEXTS['why'][now.next(number)]}.")
        after = now.after(number)
        said = [_told(now, after, number)]
        if not after.ready():
            self._ends.append((self._lock.value, after.count))
            said.append(f"the end: {total - after.count} of {total} updates are lost")
            said += [f"all {_orders(ends)} orders that are possible here end with {total}"] * (len(ends) == 1)
        self._go((*self._order, number), words.sentence(*said))

    def _show(self, _):
        self._rule.value, self._lock.value, self._told = "call", False, True
        ends = outcomes(start("call", self._updates, False))
        self._ends.append((False, min(ends)))
        self._go(ends[min(ends)][1], f"This order ends with {min(ends)}. Undo takes you back through its steps.")

    def _run_real(self, _):
        if not self._order:
            return self.say("Make a step first: there is no order yet.")
        self.say("Two real threads make these steps …")
        rule, model, gil = self._rule.value, self._states()[-1].count, "GIL" if machine()["gil"] else "no GIL"
        spec = {"rule": rule, "updates": self._updates, "lock": self._lock.value, "order": self._order}
        what = "experiments.races.scheduled", spec
        try:
            with helper.start(*what, env=session.environment()) as program, ExitStack() as ending:
                end = threading.Timer(REAL_S, program.kill)
                ending.callback(end.cancel)
                end.start()
                real = helper.heard(program, "the real threads")[-1]
        except LabError as error:
            return self.say(words.sentence(str(error)))
        said = TEXTS["real"].format(steps=words.count(len(self._order), "step"), real=real, model=model)
        self.say(said + TEXTS["builds"].get(f"{rule}, {gil}", ""))


scheduler = Scheduler  # conc_lab's public name


def _orders(ends):
    return sum(many for many, _ in ends.values())


def _told(before, after, number):
    """The step that a thread made between two states, in words."""
    doing = {"take": "takes the lock", "read": f"reads {before.count}", "add": "adds 1"}
    doing["write"] = f"writes {after.count}"
    said = f"thread {number + 1} {words.listed([doing[action] for action in before.next(number).split()])}"
    if "write" in before.next(number):
        lost = before.count + 1 - after.count
        are = f"; {words.count(lost, 'update')} of thread {2 - number} {'is' if lost == 1 else 'are'} lost"
        said += f"; the count is {after.count}" + are * (lost > 0)
    return said + "; the lock is free" * (before.holder == number and after.holder is None)
