"""`lab.play`: a measured run in slow motion; `lab.model`: the model with controls, and what was measured under it."""

import ipywidgets as widgets
import pandas

from ..drawing import kit, picture, words
from ..drawing.player.player import MOST_LANES, Player, Track, show, still
from ..drawing.shell.shell import Shell
from ..engine.errors import LabError
from ..engine.parameters import Number, OneOf
from ..engine.result import Result, recording
from ..engine.stats import where
from ..modelling import fit

MOST_TRACKS = 6
BLOCK = ["worker", "start_ms", "end_ms", "cpu_ms", "cpu"]
NOTE = "A measured block says how much of it the worker ran. It does not say when, or who held a lock."
NUMBERS = [2**power for power in range(7)]  # of workers, or of CPUs
RECORDED = " Your run had no second CPU to itself, so the model is fitted to a recording from two CPUs."
OPEN = "The measurement does not tell how much of a task needs the lock. "
ONE_THREAD = "Coroutines share one thread: the lock in this picture is that thread. "


def play(result: Result, task: str | None = None, kind: str | None = None, workers: int | None = None) -> Player:
    """Play the last round of a timeline or a speedup, which may be a recording, in slow motion.

    Of a timeline it plays every run, or those of this task and kind. Of a speedup it plays serial, and each kind at its
    most workers (eight at most), or this kind and number of workers. Raises LabError where there is nothing to play.
    """
    if getattr(result, "experiment", None) not in ("timeline", "speedup"):
        raise LabError("lab.play plays what lab.timeline(…) or lab.speedup(…) returned, or a recording of one of them")
    asked = {name: value for name, value in (("task", task), ("kind", kind), ("workers", workers)) if value is not None}
    runs = _runs(result, where(result.shown, round=result.frame["round"].max()))
    chosen = where(runs[runs.kind != "serial"], **asked)
    if chosen.empty:
        raise LabError("this result has no such run to play: ask for another task, kind or workers, or measure again")
    runs = kit.ordered(pandas.concat([where(runs, kind="serial"), chosen]), ["kind", "workers", "task"], kind=kit.LOOKS)
    most = runs.groupby(["kind", "task"], sort=False).tail(1).head(MOST_TRACKS)
    numbered = result.experiment == "speedup"
    return Player(tracks=[track(run.kind, run.workers, run.what, run.ran, numbered) for run in most.itertuples()])


def _runs(result, last):
    """A DataFrame with kind, workers, task, what (in words) and ran (BLOCKs) of each run of the last round."""
    if result.experiment == "timeline":
        runs = last.groupby(["kind", "task"])[BLOCK].apply(lambda rows: rows.values.tolist()).reset_index(name="ran")
        return runs.assign(workers=last.worker.max() + 1, what=runs.task)
    runs = last[last.ran.notna() & (last.repeat != "B") & (last.workers <= MOST_LANES)]
    return runs.assign(task=result.params["task"], what=runs.tasks.map(f"{{}} tasks of {result.params['task']}".format))


def track(kind, workers, what, rows, numbered=False):
    """A track of BLOCKs; numbered: each is a task with a number."""
    blocks = []
    for number, (worker, start, end, cpu_ms, cpu) in enumerate(rows):
        state, share = ("unknown", 0) if pandas.isna(cpu_ms) else ("runs", min(1, cpu_ms / max(end - start, 1e-9)))
        cpu = None if pandas.isna(cpu) else int(cpu)
        blocks.append((int(worker), start, end, state, share, cpu, number if numbered else None))
    return Track(f"{words.name(kind, workers)}, {what}", lanes(kind, workers), blocks, note=NOTE)


def lanes(kind: str, workers: int) -> list[tuple[str, str]]:
    """(name, kind) of each worker, of no more than the player has lanes for."""
    name = words.ONE.get(kind, kind)
    return [(f"{name} {worker + 1}" if kind != "serial" else kind, kind) for worker in range(min(workers, MOST_LANES))]


class Model(Shell):
    """The model in the player: choose workers and CPUs; it says what they would do and how far to believe that.

    result: of a speedup, to which the model is fitted (see `modelling.fit`), and which is played under it where the
    same workers were measured. kind, workers, cpus: what is chosen at first. Raises LabError for what cannot be
    modelled.
    """

    def __init__(self, result: Result, kind: str | None = None, workers: int = 2, cpus: int | None = None):
        super().__init__(name="The model")
        untold, task, gil = fit.fitted(result).untold, result.params["task"], result.machine["gil"]
        self._result, self._note = (recording("speedup", task=task, gil=gil), RECORDED) if untold else (result, "")
        if not self._result:
            raise LabError(f"there is nothing to fit the model to: {untold}")
        self._points, self._player = fit.points(self._result), Player()
        kinds = sorted({kind for kind, _ in self._points}, key=[*kit.LOOKS].index)
        self._controls = [self._control("Kind", kinds, OneOf(lambda: kinds, "").check("kind", kind or kinds[0]))]
        for name, number in (("Workers", workers), ("CPUs", cpus or fit.usable(self._result))):
            number = Number(1, NUMBERS[-1], "").check(name.lower(), number)
            self._controls.append(self._control(name, sorted({*NUMBERS, number}), number))
        self.show([widgets.HBox(self._controls, layout={"flex_flow": "row wrap"}), self.status, self._player])
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
            said += f"{' to '.join(map(words.times, told.speeds))} as fast as serial. {OPEN * (len(told.speeds) > 1)}"
            said += f"To start them takes {words.duration(told.setup_s)} more. The model was fitted to "
            said += f"{words.count(told.points, 'measured point')} with {kind}, and is off there by "
            said += f"{max(0.01, abs(told.error)):.0%} at most."
        below = []
        if measured := self._points.get(at[:2]):
            said += f" Measured on {words.count(fit.usable(self._result), 'CPU')}: {words.times(measured[0])}."
            rows = self._result.shown.query("kind == @at[0] and workers == @at[1] <= @MOST_LANES")
            below = [track(*at[:2], "last round", ran, True) for ran in rows.ran.dropna()]
        self._player.tracks = [_modelled(told.run, *at), *below]
        self.say(said + self._note)

    def _ipython_display_(self):
        show(self, picture.drawn(still, self._player.tracks))


model = Model  # conc_lab's public name


def _modelled(run, kind, workers, cpus):
    """The track of a run of the model, of no more workers than the player has lanes."""
    shown = lanes(kind, workers)
    blocks, held = ([row for row in rows if row[0] < len(shown)] for rows in (run.blocks, run.held))
    note = ONE_THREAD * (kind == "asyncio") + f"{len(shown)} of {workers} workers are shown." * (len(shown) < workers)
    return Track(_variant(kind, workers, cpus), shown, blocks, True, held, note)


def _variant(kind, workers, cpus):
    return f"{words.name(kind, workers)} on {words.count(cpus, 'CPU')}"
