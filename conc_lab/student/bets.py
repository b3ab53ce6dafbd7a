"""What a lesson asks of the student: a bet before the measurement, a question after it.

The texts and the options' reasons are in lessons/NN_name.json, because a reason that stands in the notebook's cell
gives the answer away. What the student bet or answered is kept in my_work/bets.json, by the lesson's name.
"""

import contextlib
import html
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..drawing import words
from ..engine import files
from ..engine.errors import LabError
from ..engine.machine import machine
from ..engine.parameters import parsed
from .cell import status

LESSONS = Path(__file__).parents[1] / "lessons"
KEPT = Path("my_work/bets.json")
LEAST, MOST = 0.01, 10_000  # what a number bet may be


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
    """A question from a lesson's file and what the student bet on it; shown as widgets while last in a cell.

    A choice has options, each with a reason and with points; a number bet has one number per kind and number
    of workers ("places"), from LEAST to MOST or one of the "steps" of a log scale, and one reason, or one for each
    of the "ranges" that the number may lie in. `points` is what is laid over a chart: (kind, workers, how many times),
    empty before the commitment and where the question is not about that; in the file, a point's value may be
    the name of a fact about the machine.
    """

    TITLE, BUTTON, MINE = "Your bet.", "Commit my bet", "your bet"
    BEFORE, STANDS = "", "Your bet stands. Run the next cell."

    def __init__(self, name: str):
        if name not in _questions():
            raise LabError(f"unknown bet {name!r}; one of: {', '.join(_questions())}")
        self.name, self.question = name, _questions()[name]
        self.options, self.places = self.question.get("options"), self.question.get("places", ())
        kept = _kept().get(name)
        self.answer = kept if self._fits(kept) else None

    @property
    def points(self) -> list[tuple[str, int, float]]:
        if self.answer is None:
            return []
        if not self.options:
            return [(*place, value) for place, value in zip(self.places, self.answer, strict=True)]
        points = self.options[self.answer]["points"]
        return [(*place, machine()[value] if isinstance(value, str) else value) for *place, value in points]

    @property
    def words(self) -> str:
        """The answer in words, "" before there is one."""
        if self.options and self.answer is not None:
            return self.options[self.answer]["text"]
        return ", ".join(f"{words.name(kind, workers)} {value:,g}×" for kind, workers, value in self.points)

    def commit(self, answer) -> str:
        """Keep the answer (an option's index, or a number per place) and return what to tell the student."""
        if not self._fits(answer):
            numbers = f"give each a number from {LEAST:g} to {MOST:g}, such as 0.5 or 3"
            raise LabError(numbers if "reason" in self.question else "choose one of the options first")
        self.answer, by_lesson = answer, {}
        for name, value in (_kept() | {self.name: answer}).items():
            by_lesson.setdefault(_questions().get(name, {}).get("lesson", ""), {})[name] = value
        try:
            files.write(KEPT, json.dumps(by_lesson, indent=1), "your bets")
        except LabError as error:
            return f"It stands until its cell is run again, but {error}."
        return self.STANDS

    def reasons(self) -> Words:
        """Every option with its reason, the student's marked; for a number bet, how to think about it."""
        if "reason" in self.question:
            return Words(f"<p>{html.escape(self.question['reason'])}</p>")
        rows, chosen, ranges = [], self.answer, self.question.get("ranges")
        if ranges and chosen:
            chosen = sum(option["below"] is not None and option["below"] <= chosen[0] for option in ranges)
        for index, option in enumerate(ranges or self.options):
            sign = "✓ holds" if option["holds"] else "✗ does not hold"
            mark = f" <b>({self.MINE})</b>" if index == chosen else ""
            text, reason = html.escape(option["text"]), html.escape(option["reason"])
            rows.append(f"<li>{text}{mark}<br><b>{sign}.</b> {reason}</li>")
        return Words(f"<ul>{''.join(rows)}</ul>")

    def _fits(self, answer):
        if self.options:
            return isinstance(answer, int) and answer in range(len(self.options))
        steps = self.question.get("steps", answer)
        with contextlib.suppress(TypeError):  # what a file holds may be anything
            return [LEAST <= number <= MOST and number in steps for number in answer] == [True] * len(self.places)
        return False

    def _repr_mimebundle_(self, include=None, exclude=None):
        return _bet_widget(self)._repr_mimebundle_(include=include, exclude=exclude)


class Question(Bet):
    """A choice about what was read, kept as a bet is; every option's reason follows the answer."""

    TITLE, BUTTON, MINE = "A question.", "Answer", "your answer"
    BEFORE, STANDS = "The reasons follow your answer.", "Your answer is kept."


bet, question = Bet, Question  # conc_lab's public names


def _bet_widget(bet):
    import ipywidgets as widgets

    look = {"style": {"description_width": "initial"}, "layout": {"width": "max-content", "max_width": "98%"}}
    names, given = [words.name(*place) for place in bet.places], bet.answer or [None] * len(bet.places)
    if bet.options:
        options = [(option["text"], index) for index, option in enumerate(bet.options)]
        inputs = [widgets.RadioButtons(options=options, value=bet.answer, layout={"width": "max-content"})]
    elif "steps" in bet.question:  # no slider: ipywidgets' sliders have no name that a screen reader could say
        steps = [(f"{step:,}×", step) for step in bet.question["steps"]]
        inputs = [widgets.Dropdown(options=steps, value=given[0], description=f"{names[0]}:", **look)]
    else:  # texts, because ipywidgets' fields for numbers begin with one, and to commit that is no bet
        look["placeholder"] = "a number"
        values = zip(names, given, strict=True)
        inputs = [widgets.Text(str(value or ""), description=f"{name}: ×", **look) for name, value in values]
    button, line = widgets.Button(description=bet.BUTTON, button_style="primary", icon="lock"), widgets.HTML()

    def say(text):
        reasons = bet.reasons().text if isinstance(bet, Question) and bet.answer is not None else ""
        line.value = status(text) + reasons

    def on_commit(_):
        given = [parsed(item.value) if isinstance(item, widgets.Text) else item.value for item in inputs]
        try:
            say(bet.commit(given[0] if bet.options else given))
        except LabError as error:
            say(f"{error}.")

    say(bet.BEFORE if bet.answer is None else "You answered this before; you may answer again.")
    button.on_click(on_commit)
    title = widgets.HTML(f"<b>{bet.TITLE}</b> {html.escape(bet.question['question'])}")
    return widgets.VBox([title, *inputs, button, line])


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
