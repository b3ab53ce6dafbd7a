"""What a lesson asks of the student: a bet before the measurement, a question after it, a check of what they wrote.

The texts and the options' reasons are in bets/, because a reason that stands in the notebook's cell gives the
answer away. What the student bet or answered is kept in my_work/bets.json, beside the notebook.
"""

import contextlib
import html
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..engine.errors import LabError
from ..engine.parameters import parsed
from ..engine.machine import machine

KEPT = Path("my_work/bets.json")
LEAST, MOST = 0.01, 1000  # what a number bet may be
_UNWRITTEN = {}  # by name, what stands for this session only
_TOLD = []  # that bets cannot be written, which is said once in a session
NOT_YET = "Not yet: replace the ... by your answer and run the cell again."


class Bet:
    """A question from bets/ and what the student bet on it; shown as widgets while last in a cell.

    A choice has options, each with a reason and with points; a number bet has one number per kind and number
    of workers ("places"), from LEAST to MOST or one of the "steps" of a log scale, and one reason, or one for each
    of the "ranges" that the number may lie in. `points` is what is laid over a chart: (kind, workers, how many times),
    empty before the commitment and where the question is not about that; in the file, a point's value may be
    the name of a fact about the machine.
    """

    TITLE, BUTTON = "Your bet.", "Commit my bet"
    MINE, STANDS = "your bet", "Your bet stands. Run the next cell."
    BEFORE = ""

    def __init__(self, name: str):
        if name not in _questions():
            raise LabError(f"unknown bet {name!r}; one of: {', '.join(_questions())}")
        self.name = name
        self.question = _questions()[name]
        self.answer = _kept().get(name)
        if not self._fits(self.answer):
            self.answer = None

    @property
    def points(self) -> list[tuple[str, int, float]]:
        if self.answer is None:
            return []
        if "options" in self.question:
            points = self.question["options"][self.answer]["points"]
        else:
            points = [[*place, value] for place, value in zip(self.question["places"], self.answer, strict=True)]
        facts = machine() if any(isinstance(value, str) for *_, value in points) else {}
        return [(kind, workers, facts.get(value, value)) for kind, workers, value in points]

    @property
    def said(self) -> str:
        """The answer in words, "" before there is one."""
        if self.answer is None:
            return ""
        if "options" in self.question:
            return self.question["options"][self.answer]["text"]
        return ", ".join(f"{worker} {value:,g}×" for worker, value in zip(self._workers(), self.answer, strict=True))

    def commit(self, answer) -> str:
        """Keep the answer (an option's index, or a number per place) and return what to tell the student."""
        if not self._fits(answer):
            if "options" in self.question:
                raise LabError("choose one of the options first")
            if "steps" in self.question:
                raise LabError("choose a number first")
            raise LabError(f"give each a number from {LEAST:g} to {MOST:g}, such as 0.5 or 3")
        self.answer = _UNWRITTEN[self.name] = answer
        part = KEPT.with_name(KEPT.name + ".part")
        try:
            KEPT.parent.mkdir(exist_ok=True)
            part.write_text(json.dumps(_kept(), indent=1), encoding="utf-8")
            part.replace(KEPT)
            _UNWRITTEN.clear()
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            if not _TOLD:
                _TOLD.append(error)
                return f"It stands for this session, but {KEPT.as_posix()} cannot be written: {error.strerror}."
        return self.STANDS

    def reasons(self) -> "Words":
        """Every option with its reason, the student's marked; for a number bet, how to think about it."""
        options = self.question.get("options") or self.question.get("ranges")
        if not options:
            return Words(f"<p>{html.escape(self.question['reason'])}</p>")
        chosen, rows = self.answer, []
        if "ranges" in self.question and chosen is not None:
            chosen = sum(option["below"] is not None and option["below"] <= chosen[0] for option in options)
        for index, option in enumerate(options):
            sign = "✓ holds" if option["holds"] else "✗ does not hold"
            mine = f" <b>({self.MINE})</b>" if index == chosen else ""
            rows.append(
                f"<li>{html.escape(option['text'])}{mine}<br><b>{sign}.</b> {html.escape(option['reason'])}</li>"
            )
        return Words(f"<ul>{''.join(rows)}</ul>")

    def _fits(self, answer):
        def whole(value):
            return isinstance(value, int) and not isinstance(value, bool)

        if "options" in self.question:
            return whole(answer) and 0 <= answer < len(self.question["options"])
        if not isinstance(answer, list) or len(answer) != len(self.question["places"]):
            return False
        if not all(whole(value) or isinstance(value, float) for value in answer):
            return False
        if "steps" in self.question:
            return set(answer) <= set(self.question["steps"])
        return all(LEAST <= value <= MOST for value in answer)

    def _workers(self):
        from ..drawing.kit import name

        return [name(kind, workers) for kind, workers in self.question["places"]]

    def _repr_mimebundle_(self, include=None, exclude=None):
        return _bet_widget(self)._repr_mimebundle_(include=include, exclude=exclude)


class Question(Bet):
    """A choice about what was read, kept as a bet is; every option's reason follows the answer at once."""

    TITLE, BUTTON = "A question.", "Answer"
    MINE, STANDS = "your answer", "Your answer is kept."
    BEFORE = "The reasons follow your answer."


def bet(name: str) -> Bet:
    """The bet called `name`: leave it last in a cell to show it, give it to an experiment to lay it over the chart."""
    return Bet(name)


def question(name: str) -> Question:
    """The question called `name`: leave it last in a cell to show it."""
    return Question(name)


@dataclass(frozen=True)
class Words:
    """HTML for the page, whose text without tags is its repr."""

    text: str

    def _repr_html_(self):
        return f'<div class="conc-lab">{self.text}</div>'


def check(answer, *requirements: tuple[Callable, str]) -> Words:
    """Say whether the answer meets every requirement, or what is wrong with it; raises nothing.

    A requirement is a function of the answer and a sentence for when that returns false. The first that fails
    is reported; one that raises is reported with its error. An answer of `...` is "not yet".
    """
    if answer is ...:
        return Words(NOT_YET)
    for holds, otherwise in requirements:
        try:
            problem = None if holds(answer) else otherwise
        except (Exception, SystemExit) as error:  # whatever a student's answer does when it is used
            problem = f"{otherwise} (checking it raised {type(error).__name__}: {error})"
        if problem:
            return Words(f"✗ Not yet: {html.escape(problem)}")
    return Words("✓ Right.")


def _bet_widget(bet):
    import ipywidgets as widgets

    look = {"style": {"description_width": "initial"}, "layout": {"width": "max-content", "max_width": "98%"}}
    if "options" in bet.question:
        options = [(option["text"], index) for index, option in enumerate(bet.question["options"])]
        inputs = [widgets.RadioButtons(options=options, value=bet.answer, layout={"width": "max-content"})]
    elif "steps" in bet.question:  # no slider: ipywidgets' sliders have no name that a screen reader could say
        steps = [(f"{step:,}×", step) for step in bet.question["steps"]]
        values = bet.answer or [None] * len(bet.question["places"])
        inputs = [
            widgets.Dropdown(options=steps, value=value, description=f"{worker}:", **look)
            for value, worker in zip(values, bet._workers(), strict=True)
        ]
    else:  # text, because ipywidgets' fields for numbers begin with one, and to commit that is no bet
        values = bet.answer or [""] * len(bet.question["places"])
        inputs = [
            widgets.Text(str(value), placeholder="a number", description=f"{worker}: ×", **look)
            for value, worker in zip(values, bet._workers(), strict=True)
        ]
    button = widgets.Button(description=bet.BUTTON, button_style="primary", icon="lock")
    line = widgets.HTML()

    def say(text):
        reasons = bet.reasons().text if isinstance(bet, Question) and bet.answer is not None else ""
        line.value = f'<span role="status">{html.escape(text)}</span>{reasons}'

    def on_commit(_):
        values = [parsed(item.value) if isinstance(item, widgets.Text) else item.value for item in inputs]
        try:
            say(bet.commit(values[0] if "options" in bet.question else values))
        except LabError as error:
            say(f"{error}.")

    say(bet.BEFORE if bet.answer is None else "You answered this before; you may answer again.")
    button.on_click(on_commit)
    title = widgets.HTML(f"<b>{bet.TITLE}</b> {html.escape(bet.question['question'])}")
    return widgets.VBox([title, *inputs, button, line])


@cache
def _questions():
    found = {}
    for path in sorted((Path(__file__).parent / "bets").glob("*.json")):
        found |= json.loads(path.read_text(encoding="utf-8"))
    return found


def _kept():
    """What was bet before, by name; a file that cannot be read, or is not ours, counts as no bets."""
    kept = {}
    with contextlib.suppress(OSError, ValueError, RecursionError):
        kept = json.loads(KEPT.read_text(encoding="utf-8"))
    return (kept if isinstance(kept, dict) else {}) | _UNWRITTEN
