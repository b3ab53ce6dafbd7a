"""`lab.model`: what the model, fitted to a result, says of other machines: a chart, and a run that plays."""

import json
from pathlib import Path

import ipywidgets as widgets

from ..drawing import kit, picture, words
from ..drawing.player.player import MOST_LANES, Player, Track, show, still
from ..drawing.shell.shell import Shell
from ..drawing.shell.style import folded
from ..engine.parameters import Number, Several
from ..engine.result import Result, recording
from ..modelling import fit
from .play import lanes, track

CPUS, MOST = Several(Number(1, 1024, ""), "cpus"), 256  # workers at most
NUMBERS = [2**power for power in range(9)]  # of workers, or of CPUs
TEXTS = json.loads(Path(__file__).with_name("model.json").read_text(encoding="utf-8"))
SMALL = 0.005  # a part of a task that is less is not worth a word


class Model(Shell):
    """What workers would do on other numbers of CPUs: a chart, below it a run in the player, and how far to believe it.

    result: of a speedup or an advise, to which the model is fitted (see `modelling.fit`); its last round is played
    under the model where the same workers were measured. cpus: one number or several, for the chart, which has as many
    workers; with one, the player starts with it. Raises LabError for what cannot be modelled.
    """

    def __init__(self, result: Result, cpus=(1, 2, 4, 16, 64)):
        super().__init__(name="The model")
        cpus = sorted(CPUS.check("cpus", cpus))
        self._result, why = fit.believed(result)
        self._note = TEXTS["recorded"].format(why=why) if why else ""
        self._points, self._player = fit.points(self._result), Player()
        kinds = sorted({kind for kind, _ in self._points}, key=[*kit.LOOKS].index)
        few = [number for name, number in self._points if name == kinds[0] and number <= MOST_LANES]
        on = cpus[0] if len(cpus) == 1 else fit.usable(self._result)
        chosen = {"Kind": (kinds, kinds[0]), "Workers": (NUMBERS, max(few, default=2)), "CPUs": (NUMBERS + cpus, on)}
        self._controls = [self._control(name, *each) for name, each in chosen.items()]
        self._chart = picture.drawn(model_chart, self._result, cpus)
        recorded = recording("speedup", task=result.params["task"], gil=result.machine["gil"])
        if recorded and fit.usable(self._result) == 1:
            self._note = TEXTS["beside"]
            self._chart = self._chart._replace(beside=picture.drawn(model_chart, recorded, cpus))
        fold = folded(TEXTS["fold"], f"<ul><li>{'</li><li>'.join(TEXTS['assumed'])}</li></ul>")
        chart, controls = self._chart._repr_html_(), widgets.HBox(self._controls, layout={"flex_flow": "row wrap"})
        self.show([widgets.HTML(chart), controls, self.status, self._player, widgets.HTML(fold)])
        self._update()

    def _control(self, name, options, value):
        options = options if isinstance(value, str) else sorted({*options, value})
        control = widgets.Dropdown(options=options, value=value, description=name, layout={"width": "16em"})
        control.observe(self._update, "value")
        return control

    def _update(self, _=None):
        """Play what is chosen, or the nearest that was measured where that is not to be believed; say how far it is."""
        kind, workers, _ = at = tuple(control.value for control in self._controls)
        asked = _variant(*at)
        told, on = fit.predicted(self._result, *at), fit.usable(self._result)
        if told.refused:
            numbers = [number for name, number in self._points if name == kind]
            at = kind, min(numbers, key=lambda number: abs(number - workers)), on
            said = TEXTS["refused"].format(at=asked, why=told.refused, instead=_variant(*at))
            told = fit.predicted(self._result, *at)
        else:
            how = {"speed": _speed(told), "open": TEXTS["open"] * (len(told.speeds) > 1), "kind": kind}
            how |= {"start": words.duration(told.setup_s), "error": max(0.01, abs(told.error))}
            said = TEXTS["told"].format(at=asked, points=words.count(told.points, "measured point"), **how)
        if measured := self._points.get(at[:2]):
            said += f" Measured on {words.count(on, 'CPU')}: {words.times(measured[0])}."
        rows = self._result.shown.query("kind == @at[0] and workers == @at[1] <= @MOST_LANES")
        runs = rows.ran.dropna() if "ran" in rows else ()
        self._player.tracks = [_modelled(told.run, *at), *(track(*at[:2], "last round", ran, True) for ran in runs)]
        self.say(said + self._note)

    def _ipython_display_(self):
        here, instead = self._chart, picture.drawn(still, self._player.tracks)
        show(self, here._replace(beside=here.beside._replace(beside=instead) if here.beside else instead))


model = Model  # conc_lab's public name


def _modelled(run, kind, workers, cpus):
    """The track of a run of the model, of no more workers than the player has lanes."""
    shown = lanes(kind, workers)
    blocks, held = ([row for row in rows if row[0] < len(shown)] for rows in (run.blocks, run.held))
    note = f"{len(shown)} of {workers} workers are shown." * (len(shown) < workers)
    note = TEXTS["one_thread"] * (kind == "asyncio") + note
    return Track(_variant(kind, workers, cpus), shown, blocks, True, held, note)


def _variant(kind, workers, cpus):
    return f"{words.name(kind, workers)} on {words.count(cpus, 'CPU')}"


def _speed(told):
    return " to ".join(map(words.times, told.speeds))


def model_chart(result: Result, cpus):
    """On the left the model at what was measured, the points over it; on the right what it says of as many CPUs."""
    points, on, costs = fit.points(result), words.count(fit.usable(result), "CPU"), fit.fitted(result).costs
    asked = [(min(number, MOST), number) for number in cpus]
    kinds = filter(dict(points.keys()).get, kit.LOOKS)  # in the order of the charts
    each = {kind: [fit.predicted(result, kind, *at) for at in asked] for kind in kinds}
    said = {kind: list(map(_speed, told)) for kind, told in each.items() if not told[-1].refused}
    found = "; ".join(f"{kind} {speeds[-1]}" for kind, speeds in said.items()) or "no figures"
    figure = kit.figure(3.8, f"The model, on {words.count(cpus[-1], 'CPU')}: {found}")
    here, there = figure.subplots(1, 2, sharey=True)
    measured, sentences, details = [], [], [_parts(result)]
    for kind, told in each.items():
        look, color = kit.LOOKS[kind], kit.LOOKS[kind]["color"]
        mine = [(number, words.name(kind, number), *pair) for (name, number), pair in points.items() if name == kind]
        at, _, reals, models = zip(*mine, strict=True)
        here.plot(at, models, color=color, linewidth=7, alpha=0.3, marker="_", markersize=16)
        here.plot(at, reals, **look, **kit.STRONG, linestyle="")
        measured += [f"{name} {words.times(real)}, the model {model / real - 1:+.1%}" for _, name, real, model in mine]
        if told[-1].refused:
            sentences.append(f"{kind}: no figures, because {told[-1].refused}")
            continue
        low, high = ([one.speeds[end] for one in told] for end in (0, -1))
        there.fill_between(cpus, low, high, color=color, alpha=0.2)
        there.plot(cpus, high, **look, label=words.label(kind, result))
        took, start = map(words.duration, (costs[kind, at[0]].handover_s, told[0].setup_s / asked[0][0]))
        off = max(0.01, *(abs(model / real - 1) for *_, real, model in mine))
        sentences.append(f"{kind}: where they were measured, the model is off by at most {off:.0%}")
        details.append(f"{kind}: handing over takes {took}, a start {start}")
    kit.log(here, "x", "{:g}".format, sorted({number for _, number in points}), base=2)
    kit.log(there, "x", "{:g}".format, cpus, base=2)
    kit.log(here, "y", "{:g}×".format, NUMBERS, base=2)
    here.set(title="points: measured; bands: the model", xlabel=f"workers on {on}", ylabel="speedup (serial = 1)")
    there.set(title="the model", xlabel="CPUs, for as many workers")
    kit.ends(there)
    alt = f"Speedup of {result.params['task']}. Measured on {on}: {'; '.join(measured)}. The model on "
    alt += f"{', '.join(map(str, cpus))} CPUs: "
    alt += "; ".join(f"{kind} {', '.join(speeds)}" for kind, speeds in said.items()) or "no figures"
    return figure, f"{alt}. {words.sentence(*details)}", words.sentence(*sentences)


def _parts(result):
    """What a task is made of, in words; the share with the GIL where threads tell it."""
    known = fit.fitted(result)
    work, locked = known.works[0], [words.duration(work.bytecode_s) for work in sorted(known.works)]
    parts = {"computing": work.bytecode_s + work.released_s, "waiting": work.waits_s}
    parts["on something that all tasks share"] = work.shared_s
    said = [f"{words.duration(each_s)} {name}" for name, each_s in parts.items() if each_s > SMALL * sum(work)]
    if known.gil and "threads" in dict(known.costs.keys()) and parts["computing"] > SMALL * sum(work):
        said[0] += f", {' to '.join(dict.fromkeys((locked[0], locked[-1])))} of that with the GIL"
    return f"alone, a task takes {words.duration(sum(work))}: {words.listed(said)}"
