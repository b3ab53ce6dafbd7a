"""`lab.model`: the model in the player, with controls for workers and CPUs, and what was measured under it."""

import ipywidgets as widgets

from ..drawing import kit, picture, words
from ..drawing.player import player
from ..drawing.shell.shell import Shell
from ..engine.errors import LabError
from ..engine.parameters import Number, OneOf
from ..engine.result import Result, recording
from ..modelling import fit
from .play import lanes, track

NUMBERS = [2**power for power in range(7)]  # of workers, or of CPUs
RECORDED = " Your run had no second CPU to itself, so the model is fitted to a recording from two CPUs."
OPEN = "The measurement does not tell how much of a task needs the lock. "
ONE_THREAD = "Coroutines share one thread: the lock in this picture is that thread. "


class Model(Shell):
    """The model in the player: choose workers and CPUs; it says what they would do and how far to believe that.

    result: of a speedup, to which the model is fitted (see `modelling.fit`), and which is played under it where the
    same workers were measured. kind, workers, cpus: what is chosen at first. Raises LabError for what cannot be
    modelled.
    """

    def __init__(self, result: Result, kind: str | None = None, workers: int = 2, cpus: int | None = None):
        super().__init__(name="The model")
        untold, task, gil = fit.fitted(result).untold, result.params["task"], result.machine["gil"]
        self._result = recording("speedup", task=task, gil=gil) if untold else result
        self._note = RECORDED if untold else ""
        if not self._result:
            raise LabError(f"there is nothing to fit the model to: {untold}")
        self._points, self._player = fit.points(self._result), player.Player()
        kinds = sorted({kind for kind, _ in self._points}, key=[*kit.LOOKS].index)
        kind = OneOf(lambda: kinds, "").check("kind", kind or kinds[0])
        chosen = {"Kind": (kinds, kind)}
        for name, number in (("Workers", workers), ("CPUs", cpus or fit.usable(self._result))):
            number = Number(1, NUMBERS[-1], "").check(name.lower(), number)
            chosen[name] = sorted({*NUMBERS, number}), number
        self._controls = [
            widgets.Dropdown(options=options, value=value, description=name, layout={"width": "16em"})
            for name, (options, value) in chosen.items()
        ]
        self.show([widgets.HBox(self._controls, layout={"flex_flow": "row wrap"}), self.status, self._player])
        for control in self._controls:
            control.observe(self._update, "value")
        self._update()

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
            rows = self._result.shown.query("kind == @at[0] and workers == @at[1] <= @player.MOST_LANES")
            below = [track(*at[:2], "last round", ran, True) for ran in rows.ran.dropna()]
        self._player.tracks = [_modelled(told.run, *at), *below]
        self.say(said + self._note)

    def _ipython_display_(self):
        player.show(self, picture.drawn(player.still, self._player.tracks))


model = Model  # conc_lab's public name


def _modelled(run, kind, workers, cpus):
    """The track of a run of the model, of no more workers than the player has lanes."""
    shown = lanes(kind, workers)
    blocks, held = ([row for row in rows if row[0] < len(shown)] for rows in (run.blocks, run.held))
    note = ONE_THREAD * (kind == "asyncio") + f"{len(shown)} of {workers} workers are shown." * (len(shown) < workers)
    return player.Track(_variant(kind, workers, cpus), shown, blocks, True, held, note)


def _variant(kind, workers, cpus):
    return f"{words.name(kind, workers)} on {words.count(cpus, 'CPU')}"
