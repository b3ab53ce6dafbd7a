"""What a lesson asks of the student: a bet before the measurement, a question after it.

The texts and the options' reasons are in lessons/NN_name.json, because a reason that stands in the notebook's cell
gives the answer away. What the student bet or answered is kept in my_work/bets.json.
"""

import contextlib
import json
import math
import threading
from functools import cache
from pathlib import Path

from ..drawing import words
from ..drawing.verdict import FEWEST, ONE_CPU, TOO_FEW
from ..engine import experiment, files
from ..engine.errors import LabError
from ..engine.machine import machine
from ..engine.result import ODD, Result
from ..engine.stats import character, where

LESSONS = Path(__file__).parents[1] / "lessons"
KEPT = Path("my_work/bets.json")
LETTERS = "ABCDEFGH"
TEXTS = json.loads(Path(__file__).with_name("bets.json").read_text(encoding="utf-8"))  # on the page, of both
HELD = {True: "✓ it held", False: "✗ it did not", None: "– not testable here"}
RIGHT = {True: "✓ right", False: "✗ wrong"}


@cache
def lessons() -> dict[str, dict]:
    """{"02_cpu_bound": {"bets": …, "questions": …, "elsewhere": …}} of every lesson."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(LESSONS.glob("*.json"))}


class Words(str):
    """HTML for the page, which shows itself while last in a cell."""

    def _repr_html_(self):
        return f'<div class="conc-lab">{self}</div>'


class Bet:
    """A question from a lesson's file and what the student bet on it; shown as a card while last in a cell.

    One that no rows decide is a question about what was read: its answer is kept in the same way, and every option's
    reason follows it. Each option has a reason and its points, which are laid over a chart: (kind, workers, how many
    times); in the file, how many may be the name of a fact about the machine. `points` are those of the answer, empty
    before the commitment and where the question is not about that. "measured" names the experiment, and parameters,
    whose rows decide a bet.

    answer is what was committed last, first what was committed first; ran: whether this kernel has shown such rows;
    late: whether `answer` came after them; result: the newest whole ones.
    """

    def __init__(self, name: str):
        if name not in _questions():
            raise LabError(f"unknown bet {name!r}; one of: {', '.join(_questions())}")
        self.name, self.question = name, _questions()[name]
        self.options, self.texts = self.question["options"], TEXTS["bet" if "measured" in self.question else "question"]
        kept = _kept().get(name, {})
        whole = self._fits(kept.get("first")) and self._fits(kept.get("last"))
        self.first, self.answer = (kept["first"], kept["last"]) if whole else (None, None)
        self.late, self.ran, self.result, self.problem = kept.get("after_run") is True, False, None, ""
        self._charts, self._views, self._lock = {}, {}, threading.RLock()

    @property
    def points(self) -> list[tuple[str, int, float]]:
        return [] if self.answer is None else self._points(self.answer, machine())

    @property
    def words(self) -> str:
        """The answer in words, "" before there is one."""
        return "" if self.answer is None else self.options[self.answer]["text"] + " (after the run)" * self.late

    def commit(self, answer: int | None) -> None:
        """Keep the answer, an option's index, and draw again the charts that have it."""
        if not self._fits(answer):
            raise LabError("choose an option first")
        with self._lock:
            self.late = self.late if answer == self.answer else self.ran
            self.answer, self.first = answer, answer if self.first is None else self.first
            new, kept, self.problem = {"first": self.first, "last": answer, "after_run": self.late}, _kept(), ""
            try:
                if KEPT.exists() and not kept:
                    raise LabError(f"{KEPT.as_posix()} is damaged: move it elsewhere")
                files.write(KEPT, json.dumps(kept | {self.name: new}, indent=1), "your bets")
            except LabError as error:
                self.problem = f" You lose it when you restart the kernel, because {error}."
            for draw, result in self._charts.items():
                draw(result)
        self._refresh()

    def met(self, result: Result, draw, whole: bool = False, whose: str = "Your machine") -> None:
        """Show rows by draw(result), now and when the bet changes. Whole ones decide it, if they are about it.

        whose: what the headline says that they are from.
        """
        with self._lock:
            if self._charts.get(draw) != result:
                draw(result)
            self._charts = dict([*self._charts.items(), (draw, result)][-4:])  # older ones stay as they are
            if self.seen(result):
                self.ran, self.result, self._whose = True, result if whole else self.result, whose
        self._refresh()

    def seen(self, result: Result) -> tuple[str, str, list[bool | None]] | None:
        """What the rows show, why they cannot tell, and for each option whether it held; else None.

        It is None where the rows are not what the bet is about, and an option where they do not decide it.
        """
        needed = self.question.get("measured")
        found = {"experiment": result.experiment} | result.machine | result.params
        if not needed or not needed.items() <= found.items():
            return None
        chart = experiment.part(result.experiment, "chart")
        with contextlib.suppress(*ODD):  # they lack its case, or are not whole
            decider = getattr(chart, f"{self.name}_verdict", None)
            if not decider:
                return self._by_figures(chart.summary(result), result)
            verdict = decider(result)
            told = verdict.word != "cannot tell"
            held = [option["rows"] == verdict.word if told and "rows" in option else None for option in self.options]
            return verdict.figure, "this run does not test that" if told else verdict.why, held
        return None

    def mark(self, result: Result) -> str:
        """Whether the bet held by these rows, one of `HELD`; "" without a bet, or where they are not about it."""
        seen = None if self.answer is None else self.seen(result)
        return HELD[seen[2][self.answer]] if seen else ""

    @property
    def headline(self) -> str:
        """What was bet and what came of it, in one line; before that, what is missing."""
        if self.answer is None:
            return "Commit your bet first." if self.result else self.texts["before"]
        changed = "" if self.first == self.answer else f", changed from {LETTERS[self.first]}"
        said = f"{self.texts['said']} {LETTERS[self.answer]}{changed}{', after the run' * self.late}. "
        if self.result:
            (figure, why, _), mark = self.seen(self.result), self.mark(self.result)
            said += f"{self._whose}: {figure}. {mark}{f': {why}' if why and mark == HELD[None] else ''}."
        else:
            said += self.texts["stands"].format(RIGHT[self.options[self.answer]["holds"]])
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

    def _fits(self, answer):
        return isinstance(answer, int) and answer in range(len(self.options))

    def _points(self, answer, facts):
        """The points of an answer, with the values of the facts that they name."""
        return [(kind, workers, facts.get(times, times)) for kind, workers, times in self.options[answer]["points"]]

    def _by_figures(self, lines, result):
        """`seen` by the lines of a summary for the variants that the bet is about, each with its range.

        Of a variant's values in the options those may be true that are closest to some value in that range. Where
        something may have held the workers back that is not their kind, they may be worth up to the ideal.
        """
        column, told, held, why = self.question.get("column", "speedup"), [], [], ""
        one_cpu = result.machine["usable_cpus"] == 1 and column == "speedup" and character(result.frame) != "waits"
        for points in zip(*(self._points(index, result.machine) for index in range(len(self.options))), strict=True):
            (kind, workers, _), values = points[0], [times for *_, times in points]
            line = where(lines, **{"kind": kind, "workers": workers} | self.question.get("rows", {})).iloc[0]
            low, high = line.low, line.high
            if line.rounds < FEWEST:
                low, high, why = min(values), max(values), TOO_FEW
            elif one_cpu or line.get("doubt"):
                high, why = max(high, workers), ONE_CPU if one_cpu else line.doubt
            told.append(f"{words.name(line.kind, workers)} {words.times(line[column])}")
            least, most = (min(values, key=lambda value: abs(math.log(value / end))) for end in (low, high))
            held.append([least <= value <= most and (least == most or None) for value in values])
        whole = [False if False in each else None if None in each else True for each in zip(*held, strict=True)]
        return ", ".join(told), why, whole


@cache
def bet(name: str) -> Bet:
    """The bet or question of this name: shown twice, it is the same."""
    return Bet(name)


question = bet  # conc_lab's public name


@cache
def _questions():
    """All bets and questions by name."""
    return {name: one for each in lessons().values() for name, one in (each["bets"] | each["questions"]).items()}


def _kept():
    """What was bet before, by name; a file that cannot be read, or is not ours, counts as no bets."""
    kept = {}
    with contextlib.suppress(OSError, ValueError, RecursionError, AttributeError):
        for name, value in json.loads(KEPT.read_text(encoding="utf-8")).items():
            before = isinstance(value, dict) and "last" not in value  # answers lay there by lesson
            for key, bet in value.items() if before else [(name, value)]:
                kept[key] = bet if isinstance(bet, dict) else {"first": bet, "last": bet}
    return kept
