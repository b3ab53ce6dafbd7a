"""A bet or a question on the page: the card that asks, and the place where its reasons appear."""

import html

import ipywidgets as widgets

from ..drawing import words
from ..drawing.shell.shell import Shell
from ..engine.errors import LabError
from ..engine.parameters import parsed
from .bets import HELD, LETTERS, RIGHT

COLORS = {"✓": "good", "✗": "bad", "–": "warn"}


class Card(Shell):
    """It follows its bet's state. With `asks` it has what answers the question, else it is the place for the reasons.

    Where there are no widgets, the question and what became of it stand in its place.
    """

    def __init__(self, bet, asks: bool = True):
        self._bet, self._asks, self._below = bet, asks, widgets.HTML()
        look = {"icon": "lock" * asks, "button_style": "primary" * asks, "layout": {"width": "max-content"}}
        self._button = widgets.Button(description=bet.BUTTON if asks else "Show the reasons without a bet", **look)
        self._button.on_click(self._on_commit if asks else lambda _: bet.tell())
        super().__init__(name=f"{bet.TITLE}: {bet.question['title']}", default=self._button)
        self.add_class("conc-lab-card")
        title = widgets.HTML(f"<b>{bet.TITLE}.</b> {html.escape(bet.question['question'])}")
        self._inputs = _inputs(bet) if asks else []
        above = [title, *self._inputs, self._button, self.status] if asks else [self.status, self._button]
        self.show([*above, self._below])
        self.refresh()

    def refresh(self) -> None:
        """Show the bet's state."""
        bet, reasons = self._bet, _reasons(self._bet) if self._bet.ready else ""
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
        options = [
            f"{letter}. {option['text']}" for letter, option in zip(LETTERS, self._bet.options or (), strict=False)
        ]
        text = "\n".join([f"{self._bet.TITLE}: {self._bet.question['question']}", *options, self.status.said])
        shown = {"text/plain": text, "text/html": f'<p style="white-space: pre-wrap">{html.escape(text)}</p>'}
        return super()._repr_mimebundle_(**how) | shown


def _inputs(bet):
    """The radios, the list or the fields in which an answer is given, with the one that was."""
    look = {"style": {"description_width": "initial"}, "layout": {"width": "max-content", "max_width": "98%"}}
    names, given = [words.name(*place) for place in bet.places], bet.answer or [None] * len(bet.places)
    if bet.options:
        options = [(f"{LETTERS[index]}. {option['text']}", index) for index, option in enumerate(bet.options)]
        look = {"description": bet.TITLE, "layout": {"width": "max-content"}}
        return [widgets.RadioButtons(options=options, value=bet.answer, **look)]
    if "steps" in bet.question:  # no slider: ipywidgets' sliders have no name that a screen reader could say
        steps = [(f"{step:,}×", step) for step in bet.question["steps"]]
        return [widgets.Dropdown(options=steps, value=given[0], description=f"{names[0]}:", **look)]
    # Texts: ipywidgets' fields for numbers begin with one, and that is no bet. If a field sent each key, it would hold
    # the last ones back until the kernel has answered, and the press that commits would overtake them.
    look |= {"placeholder": "a number", "continuous_update": False}
    values = zip(names, given, strict=True)
    return [widgets.Text(str(value or ""), description=f"{name}: ×", **look) for name, value in values]


def _reasons(bet):
    """HTML of every option with its reason, whether it held by the rows and whether it is right; or of every number."""
    held, rows = bet.seen(bet.result)[2] if bet.result else [], []
    parts = [(part["text"], part["holds"], part["reason"]) for part in bet.parts]
    parts = parts or [(words.name(*place), here, "") for place, here in zip(bet.places, held, strict=False)]
    for index, (text, right, reason) in enumerate(parts):
        mine = f" ({bet.MINE})" * (index == bet.chosen)
        sign = HELD[held[index]] if held else RIGHT[right]
        if held and held[index] is not right:
            sign += f"; in general {RIGHT[right]}"
        color = f'style="color: var(--conc-{COLORS[sign[0]]})"'
        rows.append(f"<li><b>{html.escape(text)}{mine}</b><br><b {color}>{sign}.</b> {html.escape(reason)}</li>")
    tag = 'ol type="A"' if bet.options else "ul"
    return f"<{tag}>{''.join(rows)}</{tag[:2]}><p>{html.escape(bet.question.get('reason', ''))}</p>"
