"""A bet or a question on the page: the card that asks, and the place where its reasons appear."""

import html

import ipywidgets as widgets

from ..drawing import words
from ..drawing.shell.shell import Shell, button
from ..drawing.shell.style import folded
from ..engine.errors import LabError
from .bets import HELD, LETTERS, RIGHT

COLORS = {True: "good", False: "bad", None: "warn"}
OTHERS = {True: "holds here", False: "does not hold here", None: "not testable here"}  # of what nobody bet


class Card(Shell):
    """It follows its bet's state. With `asks` it has what answers the question, else it is the place for the reasons.

    Where there are no widgets, the question and what became of it stand in its place.
    """

    def __init__(self, bet, asks: bool = True):
        self._bet, self._asks, self._below = bet, asks, widgets.HTML()
        commit = button(bet.texts["button"], self._on_commit, icon="lock", button_style="primary")
        super().__init__(name=f"{bet.texts['title']}: {bet.question['title']}", default=commit)
        title = widgets.HTML(f"<b>{bet.texts['title']}.</b> {html.escape(bet.question['question'])}")
        self._radios = widgets.RadioButtons(options=_options(bet), index=bet.answer, description=bet.texts["title"])
        self.show([title, self._radios, commit, self.status, self._below] if asks else [self.status, self._below])
        self.refresh()

    def refresh(self) -> None:
        """Show the bet's state."""
        bet = self._bet
        asked = "measured" not in bet.question and bet.answer is not None  # a bet's reasons stand below the chart
        here = asked if self._asks else bet.result
        self._below.value = _reasons(bet) if here else ""
        self.say(bet.headline)

    def _on_commit(self, _):
        try:
            self._bet.commit(self._radios.index)
        except LabError as error:
            self.say(words.sentence(str(error)))

    def _repr_mimebundle_(self, **how):
        bet = self._bet
        text = "\n".join([f"{bet.texts['title']}: {bet.question['question']}", *_options(bet), self.status.said])
        shown = {"text/plain": text, "text/html": f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'}
        return super()._repr_mimebundle_(**how) | shown


def _options(bet):
    return [f"{letter}. {option['text']}" for letter, option in zip(LETTERS, bet.options, strict=False)]


def _reasons(bet):
    """HTML of every option with its reason, whether it held by the rows and is right; folded where there is no bet."""
    held, rows = bet.seen(bet.result)[2] if bet.result else [], ""
    for index, option in enumerate(bet.options):
        mine, right = index == bet.answer, option["holds"]
        here, signs = (held[index], HELD) if held else (right, RIGHT)
        sign = signs[here] if mine else (OTHERS if held else RIGHT)[here].lstrip("✓✗– ")
        sign += f"; in general {RIGHT[right][2:]}" * (here is not right)
        text, reason = html.escape(option["text"]) + f" ({bet.texts['mine']})" * mine, html.escape(option["reason"])
        rows += f"<li><b>{text}</b><br><b style='color: var(--conc-{COLORS[here]})'>{sign}.</b> {reason}</li>"
    listed = f'<ol type="A">{rows}</ol>'
    return listed if bet.answer is not None else folded("Show the reasons without a bet", listed)
