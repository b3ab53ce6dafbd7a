"""A result as a cell and a panel show it: headline, chart, sentence; where it comes from; before it, its room."""

import datetime
import html
import struct
from functools import cache

from ..drawing import kit, picture, words
from ..drawing.shell.style import STYLE
from ..engine.result import Result, recording

MARKS = {"d": "◆", "o": "●", "s": "■", "X": "✖", "v": "▼", "^": "▲", "D": "◆", "P": "✚"}  # of a chart, as text
COLORS = {
    kind: f"--conc-mark: {look['color']}; --conc-on-dark: {dark}"
    for (kind, look), dark in zip(kit.LOOKS.items(), kit.ON_DARK, strict=True)
}
PLAIN = str.maketrans("", "", "[]'")


def shown(result: Result, bet=None) -> str:
    """HTML: the headline, the chart and the sentence."""
    chart = picture.show(result, bet=bet)._repr_html_()
    points = {words.name(kind, workers): f"you bet {times:,g}×" for kind, workers, times in getattr(bet, "points", ())}
    items = [_item(*item, points.get(item[1])) for item in picture.headline(result, bet)]
    head = f'<div class="conc-lab-headline">{"".join(items)}</div>' if items else ""
    return f'{STYLE}<div class="conc-lab">{head}{chart}</div>'


def _item(kind, *texts):
    label, figure, *more = (html.escape(text or "") for text in texts)
    mark = f'<span aria-hidden="true" style="{COLORS[kind]}">{MARKS[kit.LOOKS[kind]["marker"]]}</span>' if kind else ""
    return f"<p>{mark} {label} <b>{figure}</b><br><small>{'; '.join(filter(None, more))}</small></p>"


def provenance(result: Result) -> str:
    """What was measured, when and where, as a line of text."""
    said = [f"{name.replace('_', ' ')} {str(value).translate(PLAIN)}" for name, value in result.params.items()]
    facts, at = result.machine, datetime.datetime.fromisoformat(result.started).astimezone()
    python = facts["python"] if facts["gil"] else f"{facts['python']} without the GIL"
    cpus = words.count(facts["usable_cpus"], "usable CPU")
    return f"Measured at {at:%H:%M}: {' · '.join([*said, cpus, f'Python {python}'])}"


@cache
def room(experiment: str, task: str | None) -> str:
    """HTML as high as the chart will be, by that of a recording; to draw this also gets the first chart out sooner."""
    recorded = recording(experiment, task) or recording(experiment)
    size = struct.unpack(">II", picture.show(recorded).png[16:24]) if recorded else (3, 2)
    shape = f'class="conc-lab-room" style="aspect-ratio: {size[0]} / {size[1]}"'
    return f'<div class="conc-lab"><div {shape}>Press Run: the chart comes here.</div><p></p></div>'
