"""A bet or a question on the page: the card that asks, and the place where its reasons appear."""

import html

import ipywidgets as widgets

from ..drawing import words
from ..drawing.shell.shell import Shell
from ..engine.errors import LabError
from ..engine.parameters import parsed
from .bets import LETTERS


class Card(Shell):
    """It follows its bet's state. With `asks` it has what answers the question, else it is the place for the reasons.

    Where there are no widgets, the question and what became of it stand in its place.
    """

    def __init__(self, bet, asks: bool = True):
        self._bet, self._asks, self._below = bet, asks, widgets.HTML()
        what = (
            {"description": bet.BUTTON, "icon": "lock"} if asks else {"description": "Show the reasons without a bet"}
        )
        self._button = widgets.Button(**what, button_style="primary" * asks, layout={"width": "max-content"})
        self._button.on_click(self._on_commit if asks else lambda _: bet.tell())
        super().__init__(name=f"{bet.TITLE}: {bet.question['title']}", default=self._button)
        self.add_class("conc-lab-card")
        title = widgets.HTML(f"<b>{bet.TITLE}.</b> {html.escape(bet.question['question'])}")
        self._inputs = _inputs(bet) if asks else []
        self.show(
            [
                *[title] * asks,
                *self._inputs,
                *[self._button] * asks,
                self.status,
                *[self._button] * (not asks),
                self._below,
            ]
        )
        self.refresh()

    def refresh(self) -> None:
        """Show the bet's state."""
        reasons, bet = self._bet.reveal(), self._bet
        if self._asks and bet.result and reasons:
            reasons = f"<details{' open' * bet.late}><summary>Reasons</summary>{reasons}</details>"
        if not self._asks:
            self._button.layout.display = "" if bet.result and not bet.ready else "none"
        self._below.value = reasons
        self.say(bet.headline)

    def _on_commit(self, _):
        given = [parsed(item.value) if isinstance(item, widgets.Text) else item.value for item in self._inputs]
        try:
            self._bet.commit(given[0] if self._bet.options else given)
        except LabError as error:
            self.say(words.sentence(str(error)))

    def _repr_mimebundle_(self, **how):
        text = f"{self._bet.TITLE}: {self._bet.question['question']}\n{self.status.said}"
        shown = {"text/plain": text, "text/html": f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'}
        return super()._repr_mimebundle_(**how) | shown


def _inputs(bet):
    """The radios, the list or the fields in which an answer is given, with the one that was."""
    look = {"style": {"description_width": "initial"}, "layout": {"width": "max-content", "max_width": "98%"}}
    names, given = [words.name(*place) for place in bet.places], bet.answer or [None] * len(bet.places)
    if bet.options:
        options = [(f"{LETTERS[index]}. {option['text']}", index) for index, option in enumerate(bet.options)]
        return [widgets.RadioButtons(options=options, value=bet.answer, layout={"width": "max-content"})]
    if "steps" in bet.question:  # no slider: ipywidgets' sliders have no name that a screen reader could say
        steps = [(f"{step:,}×", step) for step in bet.question["steps"]]
        return [widgets.Dropdown(options=steps, value=given[0], description=f"{names[0]}:", **look)]
    look["placeholder"] = "a number"  # texts: ipywidgets' fields for numbers begin with one, and that is no bet
    return [
        widgets.Text(str(value or ""), description=f"{name}: ×", **look)
        for name, value in zip(names, given, strict=True)
    ]
