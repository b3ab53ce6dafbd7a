"""A result -> a picture and its words. Every figure in a picture or a sentence is computed from the rows.

An experiment's chart.py has a function NAME_chart for each of its charts, from (result, bet) to (figure, alt text,
sentence), one of them of the experiment's own name; `summary` is what they draw.
"""

import base64
import html
import io
import threading
import traceback
from collections import namedtuple
from pathlib import Path

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from ..engine import experiment, pythons
from ..engine.errors import LabError
from ..engine.result import ODD, Result, recording
from . import kit, words

WIDE, COLOURS = 720, 128  # pixels on the page, and colours in the file: the few of a chart, and what smooths its edges
_LOCK = threading.Lock()  # matplotlib is not thread-safe, and panels draw in their reader's thread

CSS = f"<style>\n{Path(__file__).with_name('picture.css').read_text(encoding='utf-8')}</style>"


class Picture(namedtuple("Picture", "png dark alt sentence beside", defaults=[None])):
    """A drawn chart: `png` bytes on white paper and `dark` ones, alt text, the sentence, and one to show next to it."""

    def _repr_html_(self) -> str:
        width, height = Image.open(io.BytesIO(self.png)).size
        images, size = "", f'width="{WIDE}" height="{WIDE * height // width}"'  # which the page reserves
        for theme, png in (("light", self.png), ("dark", self.dark)):
            data = f"data:image/png;base64,{base64.b64encode(png).decode()}"
            images += f'<img alt="{html.escape(self.alt)}" class="on-{theme}" {size} src="{data}">'
        here = f'{CSS}<div class="conc-lab">{images}<p>{html.escape(self.sentence)}</p></div>'
        return here + (self.beside._repr_html_() if self.beside else "")

    def __repr__(self) -> str:
        return self.sentence


def show(result: Result, chart: str | None = None, bet=None, recorded: Result | None = None) -> Picture:
    """The result as a picture with alt text and one sentence.

    chart: one of the experiment's charts, by default the one of its own name. A bet is laid over the chart, or said in
    words where it has no place there. recorded (see `recording`) is drawn below it; where one usable CPU cannot show
    what the chart is about, a recording of the same case is taken by itself. Raises LabError for an unknown
    chart, for what is no bet, and for rows that are not those of a whole run.
    """
    if not all(isinstance(one, Result) for one in (result, recorded or result)):
        raise LabError(f"lab.show needs what an experiment returned, or a recording of it, got {result!r:.100}")
    known, chart = charts(result), chart or result.experiment
    if chart not in known:
        raise LabError(f"{result.experiment} has no chart {chart!r}; it has: {', '.join(known)}")
    check_bet(bet)
    try:
        picture, recorded = drawn(known[chart], result, bet), recorded or _recorded_beside(result)
        beside = recorded and _said(drawn(charts(recorded)[chart], recorded, None), before=whence(recorded))
    except ODD as error:
        odd = f"these rows do not come from a complete {result.experiment} run ({error!r:.100}): run it again"
        raise LabError(odd, traceback.format_exc()) from error
    answer = getattr(bet, "words", "")  # none without a bet, "" before there is an answer
    if answer and "your bet" not in picture.alt:
        picture = _said(picture, after=f" Your bet: {answer}.")
    if result.machine["gil"] and result.machine.get("free_threaded"):
        picture = _said(picture, after=words.TEXTS["switched on"])
    return picture._replace(beside=beside)


def check_bet(bet) -> None:
    """Raise LabError for what is no bet; before a run, whose chart it would spoil."""
    if bet is not None and not hasattr(bet, "points"):
        raise LabError(f"bet must be what lab.bet() or lab.question() returns, got {bet!r:.100}")


def _said(picture, before="", after=""):
    """The picture with more words."""
    return picture._replace(alt=before + picture.alt + after, sentence=before + picture.sentence + after)


def headline(result: Result, bet=None) -> list[tuple]:
    """The few figures that the result comes to: (kind of worker or None, label, figure, detail) each, all texts.

    A bet adds the variants that it is about, with `words.name` as their labels. By default it is the first line of each
    kind in a summary that names all its lines and their figures; none where a table says it better.
    """
    module, found = _module(result), ()
    if hasattr(module, "headline"):
        found = module.headline(result, bet)
    elif "figure" in (lines := module.summary(result)) and lines.name.is_unique:
        found = lines.drop_duplicates("kind").assign(detail="")[["kind", "name", "figure", "detail"]].to_numpy()
    return [(kind if kind in kit.LOOKS else None, *texts) for kind, *texts in found]


def _recorded_beside(result):
    """A recording of the same task or tasks, where the result cannot show its point: on one CPU, or by its module."""
    module, params = _module(result), result.params
    one_cpu = result.machine["usable_cpus"] == 1 and getattr(module, "NEEDS_TWO_CPUS", False)
    needed = getattr(module, "needs_recording", lambda result: one_cpu)(result)
    asked, gil = (result.experiment, params.get("task"), None), result.machine["gil"]
    found = (recording(*asked, pythons.name(result.machine), gil) or recording(*asked, None, gil)) if needed else None
    return found if found and set(params.get("tasks", ())) <= set(found.params.get("tasks", ())) else None


def whence(recorded: Result) -> str:
    """When a recording was made, and by what machine and Python."""
    facts = recorded.machine
    cpus = words.count(facts["usable_cpus"], "usable CPU")
    return f"Recorded on {recorded.started[:10]} with {cpus}, {facts['system']}, Python {words.python(facts)}. "


def drawn(maker, *args) -> Picture:
    """The picture of what maker(*args) returns: (a matplotlib Figure, its alt text, its sentence)."""
    with _LOCK:
        figure, alt, sentence = maker(*args)
        kit.finish(figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    image = image.quantize(COLOURS, Image.Quantize.FASTOCTREE)  # a quarter of the bytes, and each colour to change once
    light, palette = _png(image), numpy.reshape(image.getpalette(), (-1, 3))
    image.putpalette((255 * kit.dark(palette / 255)).round().astype("uint8").tobytes())
    return Picture(light, _png(image), alt, sentence)


def height(result: Result) -> float:
    """How many times as high as wide the result's chart is, without drawing it."""
    with _LOCK:
        width, high = charts(result)[result.experiment](result, None)[0].get_size_inches()
    return high / width


def _png(image):
    image.save(buffer := io.BytesIO(), "png")
    return buffer.getvalue()


def table(result: Result):
    """What the chart draws, as a DataFrame: a row for each variant, a column for each quantity, three digits each."""
    frame = _module(result).summary(result)
    frame = frame.reset_index(drop=frame.index.name is None).drop(columns="figure", errors="ignore")
    for unit, factor, shown in (("_bytes", 1e-6, "_MB"), ("_s", 1e3, "_ms")):
        columns = [name for name in frame if name.endswith(unit)]
        frame[columns] *= factor
        frame = frame.rename(columns={name: name.removesuffix(unit) + shown for name in columns})
    frame = frame.map(lambda value: float(f"{value:.3g}") if isinstance(value, float) else value)
    return frame.rename(columns=lambda name: words.TEXTS["columns"].get(name, name.replace("_", " ")))


def charts(result: Result) -> dict:
    """The functions that draw this result, by the charts' names."""
    found = vars(_module(result)).items()
    return {name.removesuffix("_chart"): function for name, function in found if name.endswith("_chart")}


def _module(result):
    return experiment.part(result.experiment, "chart")
