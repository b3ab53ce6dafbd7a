"""A result as a cell and a panel show it: headline, chart, sentence; where it comes from; before it, its room."""

import contextlib
import dataclasses
import datetime
import html

from ..drawing import kit, picture, words
from ..drawing.shell.style import STYLE
from ..engine.result import ODD, Result, recording

MARKS = {"d": "◆", "o": "●", "s": "■", "X": "✖", "v": "▼", "^": "▲", "<": "◀", "D": "◆", "P": "✚"}  # a chart's
COLORS = {kind: f"--conc-mark: {light}; --conc-on-dark: {dark}" for kind, (light, dark) in kit.HUES.items()}


def shown(result: Result, bet=None) -> tuple[str, str]:
    """HTML: the headline, the chart and the sentence; and the recording that belongs below it, "" without one."""
    chart = picture.show(result, bet=bet)
    points = {words.name(kind, workers): f"you bet {times:,g}×" for kind, workers, times in getattr(bet, "points", ())}
    items = [_item(*item, points.get(item[1])) for item in picture.headline(result, bet)]
    head = f'<div class="conc-lab-headline">{"".join(items)}</div>' if items else ""
    recorded = chart.beside._repr_html_() if chart.beside else ""
    return f'{STYLE}<div class="conc-lab">{head}{chart._replace(beside=None)._repr_html_()}</div>', recorded


def _item(kind, *texts):
    label, figure, *more = (html.escape(text or "") for text in texts)
    mark = f'<span aria-hidden="true" style="{COLORS[kind]}">{MARKS[kit.LOOKS[kind]["marker"]]}</span>' if kind else ""
    return f"<p>{mark} {label} <b>{figure}</b><br><small>{'; '.join(filter(None, more))}</small></p>"


def provenance(result: Result) -> str:
    """What was measured, when and where, as a line of text."""
    said = [words.setting(name, value, result.experiment) for name, value in result.params.items()]
    facts, at = result.machine, datetime.datetime.fromisoformat(result.started).astimezone()
    cpus = words.count(facts["usable_cpus"], "usable CPU")
    return f"Measured at {at:%H:%M}: {' · '.join([*said, cpus, f'Python {words.python(facts)}'])}"


def room(experiment: str, params: dict, before: str) -> str:
    """HTML as high as that of a run with these parameters will be, by a recording; it shows the text `before`."""
    recorded, height, head = recording(experiment, params.get("task")) or recording(experiment), 2 / 3, ()
    if recorded:
        rows = [row for row in recorded.rows if all(_asked_for(row, name, recorded, params) for name in params)]
        for some in (rows, recorded.rows):
            with contextlib.suppress(*ODD):  # the recording has nothing of what is asked for
                found = dataclasses.replace(recorded, rows=some)
                height, head = picture.height(found), picture.headline(found)
                break
    shape = f'class="conc-lab-room" style="aspect-ratio: {1 / height:.4f}"'
    inside = f'<div class="conc-lab-headline">{"<p></p>" * len(head)}</div><div {shape}>{before}</div><p></p>'
    return f'{STYLE}<div class="conc-lab">{inside}</div>'


def _asked_for(row, name, recorded, params):
    """Whether a run with these parameters would have this row of a recording, as far as names among them tell."""
    values, column = params[name], name if name in row else name.removesuffix("s")
    value = "processes" if row.get(column) == recorded.processes else row.get(column)
    told = isinstance(values, list) and isinstance(value, str) and value in recorded.params[name]
    return not told or value in values
