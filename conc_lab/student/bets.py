"""What a lesson asks of the student: a bet before the measurement, a question after it.

The texts and the options' reasons are in lessons/NN_name.json, because a reason that stands in the notebook's cell
gives the answer away. What the student bet or answered is kept in my_work/bets.json, by the lesson's name.
"""

import contextlib
import json
import math
import threading
from bisect import bisect
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..drawing import words
from ..drawing.verdict import DECIDERS, FEWEST, ONE_CPU, TOO_FEW
from ..engine import experiment, files
from ..engine.errors import LabError
from ..engine.machine import machine
from ..engine.result import ODD, Result
from ..engine.stats import character, where

LESSONS = Path(__file__).parents[1] / "lessons"
KEPT = Path("my_work/bets.json")
LETTERS = "ABCDEFGH"
LEAST, MOST = 0.01, 10_000  # what a number bet may be
NEAR = 1.2  # a number has held if it is at most so many times as large, or as small, as what was measured
HELD = {True: "✓ it held", False: "✗ it did not", None: "– not testable here"}
RIGHT = {True: "✓ right", False: "✗ wrong"}
CHARTS = 4  # so many of the newest are drawn again when the bet changes


@cache
def lessons() -> dict[str, dict]:
    """{"02_cpu_bound": {"bets": …, "questions": …, "elsewhere": …}} of every lesson."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(LESSONS.glob("*.json"))}


@dataclass(frozen=True)
class Words:
    """HTML for the page."""

    text: str

    def _repr_html_(self):
        return f'<div class="conc-lab">{self.text}</div>'


class Bet:
    """A question from a lesson's file and what the student bet on it; shown as a card while last in a cell.

    A choice has options, each with a reason and with points; a number bet has one number per kind and number
    of workers ("places"), from LEAST to MOST or one of the "steps" of a log scale, and one reason, or one for each
    of the "ranges" that the number may lie in. `points` is what is laid over a chart: (kind, workers, how many times),
    empty before the commitment and where the question is not about that; in the file, a point's value may be
    the name of a fact about the machine. "measured" names the experiment, and parameters, whose rows decide a bet.

    answer is what was committed last, first what was committed first; late: whether `answer` came after such rows; ran:
    whether there have been any, also before the kernel was restarted; result: the newest whole ones of this kernel.
    """

    TITLE, BUTTON, MINE, SAID = "Your bet", "Commit my bet", "your bet", "You bet"
    BEFORE = "The reasons follow your bet and the measurement."

    def __init__(self, name: str):
        if name not in _questions():
            raise LabError(f"unknown bet {name!r}; one of: {', '.join(_questions())}")
        self.name, self.question = name, _questions()[name]
        self.options, self.places = self.question.get("options"), self.question.get("places", ())
        self.parts = self.options or self.question.get("ranges", ())  # what has a reason of its own
        kept = _kept().get(name)
        kept = kept if isinstance(kept, dict) else {"first": kept, "last": kept}
        self.first, self.answer = (kept[key] if self._fits(kept.get(key)) else None for key in ("first", "last"))
        self.first = self.answer if self.first is None or self.answer is None else self.first
        self.late, self.ran = (kept.get(key) is True for key in ("after_run", "ran"))
        self.result, self.told, self.problem = None, False, ""
        self._charts, self._views, self._lock = {}, {}, threading.RLock()

    @property
    def points(self) -> list[tuple[str, int, float]]:
        return [] if self.answer is None else self._points(self.answer, machine())

    @property
    def words(self) -> str:
        """The answer in words, "" before there is one."""
        if self.answer is None:
            return ""
        said = self.options[self.answer]["text"] if self.options else self._numbers(self.answer)
        return said + " (after the run)" * self.late

    def commit(self, answer) -> None:
        """Keep the answer (an option's index, or a number per place), and draw again the charts that have it."""
        if not self._fits(answer):
            numbers = f"give each a number from {LEAST:g} to {MOST:g}, such as 0.5 or 3"
            raise LabError(numbers if "reason" in self.question else "choose one of the options first")
        with self._lock:
            self.late = self.late if answer == self.answer else self.ran
            self.answer, self.first = answer, answer if self.first is None else self.first
            self._keep()
            for draw, result in self._charts.items():
                draw(result)
        self._refresh()

    def met(self, result: Result, draw, whole: bool = False) -> None:
        """Show rows by draw(result), now and when the bet changes. Whole ones decide it, if they are about it."""
        with self._lock:
            if self._charts.get(draw) != result:
                draw(result)
            self._charts = dict([*self._charts.items(), (draw, result)][-CHARTS:])
            if self.seen(result):
                self.result, self.ran, new = result if whole else self.result, True, not self.ran
                if new:
                    self._keep()
        self._refresh()

    def tell(self) -> None:
        """Show the reasons without a bet."""
        self.told = True
        self._refresh()

    def seen(self, result: Result) -> tuple[str, str, list[bool | None]] | None:
        """What the rows show, why they cannot tell, and for each option, range or number whether it held; else None.

        It is None where the rows are not what the bet is about, and an option where they do not decide it.
        """
        needed, found = self.question.get("measured", {}), {"experiment": result.experiment, **result.params}
        if not needed or any(found.get(name) != value for name, value in needed.items()):
            return None
        chart = experiment.part(result.experiment, "chart")
        with contextlib.suppress(*ODD):  # they lack its case, or are not whole
            if self.name not in DECIDERS:
                return self._by_figures(chart.summary(result), result)
            verdict = DECIDERS[self.name](result)
            told = verdict.word != "cannot tell"
            held = [option["rows"] == verdict.word if told and "rows" in option else None for option in self.options]
            return verdict.figure, "these rows do not test that" if told else verdict.why, held
        return None

    def mark(self, result: Result) -> str:
        """Whether the bet held by these rows, one of `HELD`; "" without a bet, or where they are not about it."""
        if self.answer is None or not (seen := self.seen(result)):
            return ""
        held = seen[2] if self.chosen is None else [seen[2][self.chosen]]
        return HELD[False if False in held else None if None in held else True]

    @property
    def chosen(self) -> int | None:
        """The option that was chosen, or the range that the number lies in; None where there is neither."""
        numbers = self.answer and self.parts and not self.options
        return self._closest(self.answer[0]) if numbers else self.answer if self.options else None

    @property
    def ready(self) -> bool:
        """Whether the reasons may be shown: there is an answer, or they were asked for, and the rows are there."""
        return (self.told or self.answer is not None) and ("measured" not in self.question or self.result is not None)

    @property
    def headline(self) -> str:
        """What was bet and what came of it, in one line; before that, what is missing."""
        if self.answer is None and not self.told:
            return "Commit your bet first." if self.result else self.BEFORE
        changed = "" if self.first == self.answer else f", changed from {self._short(self.first)}"
        late = ", after the run" * self.late
        said = "" if self.answer is None else f"{self.SAID} {self._short(self.answer)}{changed}{late}. "
        if not self.ready:
            said += "Your bet stands. Run the measurement."
        elif not self.result:
            said += f"{RIGHT[self.options[self.answer]['holds']]}."
        else:
            (figure, why, _), mark = self.seen(self.result), self.mark(self.result)
            why = f": {why}" if why and mark == HELD[None] else ""
            said += f"Your machine: {figure}." + f" {mark}{why}." * bool(mark)
        return said + self.problem

    def reasons(self):
        """The reasons, which show themselves as soon as there are a bet and the rows that it is about."""
        return self._view(asks=False)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self._view(asks=True)._repr_mimebundle_(include=include, exclude=exclude)

    def _view(self, asks):
        """The one card, or the one place for the reasons, that all outputs show."""
        from .card import Card

        with self._lock:
            return self._views.get(asks) or self._views.setdefault(asks, Card(self, asks))

    def _refresh(self):
        for view in list(self._views.values()):
            view.refresh()

    def _keep(self):
        kept = {"first": self.first, "last": self.answer, "after_run": self.late, "ran": self.ran}
        by_lesson, self.problem = {}, ""
        for name, value in (_kept() | {self.name: kept}).items():
            by_lesson.setdefault(_questions().get(name, {}).get("lesson", ""), {})[name] = value
        try:
            files.write(KEPT, json.dumps(by_lesson, indent=1), "your bets")
        except LabError as error:
            self.problem = f" It stands until the kernel is restarted, but {error}."

    def _fits(self, answer):
        if self.options:
            return isinstance(answer, int) and answer in range(len(self.options))
        steps = self.question.get("steps", answer)
        with contextlib.suppress(TypeError):  # what a file holds may be anything
            return [LEAST <= number <= MOST and number in steps for number in answer] == [True] * len(self.places)
        return False

    def _points(self, answer, facts):
        """The points of an answer, with the values of the facts that they name."""
        numbers = [(*place, value) for place, value in zip(self.places, answer, strict=True)] if self.places else ()
        points = numbers or self.options[answer]["points"]
        return [(*place, facts[value] if isinstance(value, str) else value) for *place, value in points]

    def _numbers(self, answer):
        return ", ".join(f"{words.name(*place)} {value:,g}×" for *place, value in self._points(answer, {}))

    def _short(self, answer):
        """An answer in few words: an option's letter, or the numbers."""
        return LETTERS[answer] if self.options else f"{answer[0]:,g}×" if len(answer) == 1 else self._numbers(answer)

    def _by_figures(self, lines, result):
        """`seen` by the lines of a summary for the variants that the bet is about, each with its range.

        Where something may have held the workers back that is not their kind, they may be worth up to the ideal.
        """
        rows = {"column": "speedup"} | self.question.get("rows", {})
        column, told, held, why = rows.pop("column"), [], [], ""
        one_cpu = result.machine["usable_cpus"] == 1 and column == "speedup" and character(result.frame) != "waits"
        values = [self._points(index, result.machine)[0][2] for index in range(len(self.options or ()))]
        for number, (kind, workers) in enumerate(self.places or [self.options[0]["points"][0][:2]]):
            line = where(lines, **{"kind": kind, "workers": workers} | rows).iloc[0]
            low, middle, high = line.low, line[column], line.high
            if line.rounds < FEWEST:
                low, high, why = LEAST, MOST, TOO_FEW
            elif one_cpu or line.get("doubt"):
                high, why = max(high, workers), ONE_CPU if one_cpu else line.doubt
            times = words.times(middle) if middle < 100 else f"{words.digits(middle)}×"
            told.append(f"{words.name(line.kind, workers)} {times}")
            if self.parts:
                near = {self._closest(value, values) for value in (low, middle, high)}
                near = range(len(self.parts)) if why == TOO_FEW else near
                held = [index in near and (len(near) == 1 or None) for index in range(len(self.parts))]
            elif self.answer:
                bet = self.answer[number]
                apart, agrees = bet * NEAR < low or bet / NEAR > high, bet / NEAR <= low and high <= bet * NEAR
                held.append(False if apart else True if agrees else None)
        return ", ".join(told), why, held

    def _closest(self, number, values=()):
        """The option whose value is closest to the number, or the range that the number lies in."""
        if values:
            return min(range(len(values)), key=lambda index: abs(math.log(values[index] / number)))
        return bisect([part["below"] for part in self.parts[:-1]], number)


class Question(Bet):
    """A choice about what was read, kept as a bet is; every option's reason follows the answer."""

    TITLE, BUTTON, MINE, SAID = "A question", "Answer", "your answer", "You answered"
    BEFORE = "The reasons follow your answer."


bet, question = cache(Bet), cache(Question)  # conc_lab's public names: shown twice, a bet is the same


@cache
def _questions():
    """{name: the question, with the name of its lesson less the number} of all bets and questions."""
    asked = {}
    for stem, lesson in lessons().items():
        for name, question in (lesson["bets"] | lesson["questions"]).items():
            asked[name] = question | {"lesson": stem.partition("_")[2]}
    return asked


def _kept():
    """What was bet before, by name; a file that cannot be read, or is not ours, counts as no bets."""
    kept = {}
    with contextlib.suppress(OSError, ValueError, RecursionError, AttributeError):
        for name, value in json.loads(KEPT.read_text(encoding="utf-8")).items():
            kept |= value if isinstance(value, dict) else {name: value}  # before, bets lay there without a lesson
    return kept
