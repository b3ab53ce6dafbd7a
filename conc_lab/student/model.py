"""`lab.model`: what the model, fitted to a result, says of other machines: a chart, and a run that plays."""

from dataclasses import replace
from statistics import median

import ipywidgets as widgets

from ..drawing import kit, picture, words
from ..drawing.player.player import MOST_LANES, Player, Track, show, still
from ..drawing.shell.shell import Shell
from ..drawing.shell.style import folded
from ..engine.errors import LabError
from ..engine.parameters import Number, OneOf, Several
from ..engine.result import Result, recording
from ..modelling import fit
from .play import lanes, track

CPUS, WORKERS = (Number(1, most, "") for most in (1024, 256))
NUMBERS = [2**power for power in range(9)]  # of workers, or of CPUs
RECORDED = " Your run had no second CPU to itself, so the model is fitted to a recording from two CPUs."
BESIDE = " Your run had one CPU; the second chart shows a recording from two."
OPEN = "The measurement does not tell how much of a task needs the lock. "
ONE_THREAD = "Coroutines share one thread: the lock in this picture is that thread. "
SHARED, SMALL = "at something that all tasks share", 0.005  # parts of a task that are not worth a word
FOLD = "What the model takes for granted, and what it does not know"
ASSUMED = (
    "All tasks are alike, all CPUs are alike, and nothing else runs on them.",
    "The lock goes to whoever has waited longest. A real lock is not fair.",
    "A task computes first, then it waits. If all tasks wait for one server, that server runs on the same CPUs.",
    "The parent hands out one task after the other. For a process this takes the parent about twice as long as the "
    "process.",
    "The CPU cost of a task is not modelled. It is as measured with this many workers, or the nearest number.",
    "The model does not know memory bandwidth, caches, the clock rate, which falls when more CPUs work, and threads "
    "that compete for one object or its reference count.",
    f"It simulates {fit.MOST_TASKS:,} messages at most; the chart has {WORKERS.high} workers at most.",
)


class Model(Shell):
    """What workers would do on other numbers of CPUs: a chart, below it a run in the player, and how far to believe it.

    result: of a speedup or an advise, to which the model is fitted (see `modelling.fit`); its last round is played
    under the model where the same workers were measured. cpus: one number or several, for the chart; with one, the
    player starts with it. kind, workers: what is chosen at first; workers: in the chart, too, which has as many workers
    as CPUs by default. Raises LabError for what cannot be modelled.
    """

    def __init__(self, result: Result, cpus=(1, 2, 4, 16, 64), kind: str | None = None, workers: int | None = None):
        super().__init__(name="The model")
        cpus, untold = sorted(Several(CPUS, "cpus").check("cpus", cpus)), fit.fitted(result).untold
        workers = None if workers is None else WORKERS.check("workers", workers)
        recorded = recording("speedup", task=result.params["task"], gil=result.machine["gil"])
        self._result, self._note = (recorded, RECORDED) if untold else (result, "")
        if not self._result:
            raise LabError(f"there is nothing to fit the model to: {untold}")
        self._points, self._player = fit.points(self._result), Player()
        kinds = sorted({kind for kind, _ in self._points}, key=[*kit.LOOKS].index)
        kind = OneOf(lambda: kinds, "").check("kind", kind or kinds[0])
        few = [number for name, number in self._points if name == kind and number <= MOST_LANES]
        chosen = workers or max(few, default=2), cpus[0] if len(cpus) == 1 else fit.usable(self._result)
        self._controls = [self._control("Kind", kinds, kind)]
        for name, number, more in zip(("Workers", "CPUs"), chosen, ([], cpus), strict=True):
            self._controls.append(self._control(name, sorted({*NUMBERS, number, *more}), number))
        self._chart = picture.drawn(model_chart, self._result, cpus, workers)
        if fit.usable(self._result) == 1 and recorded:
            self._note = BESIDE
            self._chart = replace(self._chart, beside=picture.drawn(model_chart, recorded, cpus, workers))
        fold = folded(FOLD, f"<ul>{''.join(f'<li>{one}</li>' for one in ASSUMED)}</ul>")
        chart, fold = (widgets.HTML(text) for text in (self._chart._repr_html_(), fold))
        controls = widgets.HBox(self._controls, layout={"flex_flow": "row wrap"})
        self.show([chart, controls, self.status, self._player, fold])
        self._update()

    def _control(self, name, options, value):
        control = widgets.Dropdown(options=options, value=value, description=name, layout={"width": "16em"})
        control.observe(self._update, "value")
        return control

    def _update(self, _=None):
        """Play what is chosen, or the nearest that was measured where that is not to be believed; say how far it is."""
        kind, workers, _ = at = tuple(control.value for control in self._controls)
        told, said = fit.predicted(self._result, *at), f"{_variant(*at)}: "
        if told.refused:
            measured = [number for name, number in self._points if name == kind]
            at = kind, min(measured, key=lambda number: abs(number - workers)), fit.usable(self._result)
            said += f"no figure, because {told.refused}. You see {_variant(*at)}, which was measured."
            told = fit.predicted(self._result, *at)
        else:
            said += f"{_speeds(told)} as fast as serial. {OPEN * (len(told.speeds) > 1)}"
            said += f"To start them takes {words.duration(told.setup_s)} more. The model was fitted to "
            said += f"{words.count(told.points, 'measured point')} with {kind}, and is off there by "
            said += f"{max(0.01, abs(told.error)):.0%} at most."
        below = []
        if measured := self._points.get(at[:2]):
            said += f" Measured on {words.count(fit.usable(self._result), 'CPU')}: {words.times(measured[0])}."
            rows = self._result.shown.query("kind == @at[0] and workers == @at[1] <= @MOST_LANES")
            runs = rows.ran.dropna() if "ran" in rows else ()
            below = [track(*at[:2], "last round", ran, True) for ran in runs]
        self._player.tracks = [_modelled(told.run, *at), *below]
        self.say(said + self._note)

    def _ipython_display_(self):
        instead = picture.drawn(still, self._player.tracks)
        beside = replace(self._chart.beside, beside=instead) if self._chart.beside else instead
        show(self, replace(self._chart, beside=beside))


model = Model  # conc_lab's public name


def _modelled(run, kind, workers, cpus):
    """The track of a run of the model, of no more workers than the player has lanes."""
    shown = lanes(kind, workers)
    blocks, held = ([row for row in rows if row[0] < len(shown)] for rows in (run.blocks, run.held))
    note = ONE_THREAD * (kind == "asyncio") + f"{len(shown)} of {workers} workers are shown." * (len(shown) < workers)
    return Track(_variant(kind, workers, cpus), shown, blocks, True, held, note)


def _variant(kind, workers, cpus):
    return f"{words.name(kind, workers)} on {words.count(cpus, 'CPU')}"


def _speeds(told):
    return " to ".join(map(words.times, told.speeds))


def model_chart(result: Result, cpus, workers=None):
    """On the left the model at what was measured, the points over it; on the right what it says of numbers of CPUs.

    workers: how many on the right, by default as many as CPUs.
    """
    points, usable = fit.points(result), fit.usable(result)
    kinds = [kind for kind in kit.LOOKS if kind in dict(points.keys())]
    numbers = [workers or min(number, WORKERS.high) for number in cpus]
    told = {kind: [fit.predicted(result, kind, *at) for at in zip(numbers, cpus, strict=True)] for kind in kinds}
    said = {kind: _speeds(each[-1]) for kind, each in told.items() if not each[0].refused}
    found = words.listed([f"{kind} {speed}" for kind, speed in said.items()] or ["nothing"])
    figure = kit.figure(3.8, f"The model says for {words.count(cpus[-1], 'CPU')}: {found}")
    here, there = figure.subplots(1, 2, sharey=True)
    each, off = [], []
    for kind in kinds:
        look, color = kit.LOOKS[kind], kit.LOOKS[kind]["color"]
        at, pairs = zip(*((number, pair) for (name, number), pair in points.items() if name == kind), strict=True)
        real, modelled = zip(*pairs, strict=True)
        here.plot(at, modelled, color=color, linewidth=7, alpha=0.3, marker="_", markersize=16)
        here.plot(at, real, **look | kit.STRONG | {"linestyle": ""})
        if kind in said:
            low, high = ([one.speeds[end] for one in told[kind]] for end in (0, -1))
            there.fill_between(cpus, low, high, color=color, alpha=0.2)
            there.plot(cpus, high, **look, label=words.label(kind, result))
        errors = [one / other - 1 for one, other in zip(modelled, real, strict=True)]
        each += [
            f"{words.name(kind, number)} {words.times(true)}, the model {error:+.1%}"
            for number, true, error in zip(at, real, errors, strict=True)
        ]
        off.append(f"{kind} {median(map(abs, errors)):.1%}, at worst {max(errors, key=abs):+.0%}")
        off[-1] += f" ({words.count(len(at), 'point')}{', which it was fitted to' * (len(at) == 1)})"
        off[-1] += f"; refused: {told[kind][0].refused}" * (kind not in said)
    kit.log(here, "x", "{:g}".format, sorted({number for _, number in points}), base=2)
    kit.log(there, "x", "{:g}".format, cpus, base=2)
    if here.get_ylim()[1] > 5:
        kit.log(here, "y", "{:g}×".format, [2**power for power in range(-3, 11)], base=2)
    else:
        here.set_ylim(0)
    on = words.count(usable, "CPU")
    here.set(xlabel=f"workers, measured on {on};\nbehind the points: the model", ylabel="speedup (serial = 1)")
    there.set(xlabel=f"CPUs, {f'with {workers} workers' if workers else 'with as many workers'}: the model")
    kit.ends(there)
    machines = [
        f"{kind} {', '.join(f'{_speeds(one)} on {number}' for one, number in zip(told[kind], cpus, strict=True))}"
        for kind in said
    ]
    alt = f"Speedup of {result.params['task']}. Measured on {on}: {'; '.join(each)}. "
    alt += f"The model by number of CPUs: {'; '.join(machines) or 'no figures'}."
    return (
        figure,
        alt,
        words.sentence(_parts(result), _costs(result, kinds), f"by so much the model is off: {'; '.join(off)}"),
    )


def _parts(result):
    """What a task is made of, in words; the share under the lock where threads tell it."""
    known = fit.fitted(result)
    work, locked = known.works[0], [work.bytecode_s for work in known.works]
    low, high = (words.duration(each_s) for each_s in (min(locked), max(locked)))
    parts = {"computing": work.bytecode_s + work.released_s, "waiting": work.waits_s, SHARED: work.shared_s}
    said = [f"{words.duration(each_s)} {name}" for name, each_s in parts.items() if each_s > SMALL * sum(work)]
    if known.gil and "threads" in dict(known.costs.keys()) and parts["computing"] > SMALL * sum(work):
        said[0] += f" ({low if low == high else f'{low} to {high}'} of it with the lock)"
    return f"alone, a task takes {words.duration(sum(work))}: {words.listed(said)}"


def _costs(result, kinds):
    """What it takes to hand a task over to each kind of worker, and to start one."""
    costs = {kind: cost for (kind, _), cost in fit.fitted(result).costs.items()}
    starts = {kind: fit.predicted(result, kind, 1, 1).setup_s for kind in kinds}
    each = [f"{kind} {words.duration(costs[kind].handover_s)} and {words.duration(starts[kind])}" for kind in kinds]
    return f"to get a task and give its result back, and to start, a worker takes: {', '.join(each)}"
