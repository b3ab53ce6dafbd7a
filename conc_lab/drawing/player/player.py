"""The player of the living picture: who ran when, played in the page, modelled and measured on one time axis.

A track is a few lanes (a worker each) and their blocks; player.js draws and plays it. Nothing comes back to the kernel:
the player works while the kernel is busy. Where no widget can run, a still picture stands in its place.
"""

from collections import namedtuple
from pathlib import Path

import anywidget
import numpy
import traitlets

from .. import kit, picture, words

MOST_LANES = 8
HATCHES = {"lock": "////", "cpu": "...."}  # of a still, by what a block waits for


class Track(namedtuple("Track", "title lanes blocks modelled lock note", defaults=(False, (), ""))):
    """One run: lanes under a title, and what each of them does, block by block.

    lanes: (name, kind) of each worker, MOST_LANES at most; blocks: (lane, start_ms, end_ms, state, share, cpu, task):
    state is "runs", "lock" (waits for the lock), "cpu" (for a CPU), "waits" (a wait of the task's own) or "unknown"
    (measured: not running, and nothing says why), share the part of the block in which the worker ran, cpu the number
    of its CPU or None, task the number of its task or None; lock: (lane, start_ms, end_ms) of who holds the lock, in a
    model; note: a sentence to stand under the picture.
    """

    @property
    def label(self) -> str:
        return f"{'model' if self.modelled else 'measured'}, {self.title}"

    def __str__(self):
        """What the track is, how long it took and how many CPUs it kept busy, in words."""
        end_ms = max(end for _, _, end, *_ in self.blocks)
        used = sum(share * (end - start) for _, start, end, state, share, *_ in self.blocks if state == "runs")
        return f"{self.label}: {words.duration(end_ms / 1000)}, {used / end_ms:.2f} cores busy on average"


class Player(anywidget.AnyWidget):
    """Plays tracks under each other on one time axis, a model's first; set `tracks` to play others in this place."""

    _esm = Path(__file__).with_name("player.js")
    _css = Path(__file__).with_name("player.css")
    hues = traitlets.Dict(kit.HUES).tag(sync=True)
    tracks = traitlets.List().tag(sync=True, to_json=lambda tracks, _: [track._asdict() for track in tracks])

    def _ipython_display_(self):
        show(self, picture.drawn(still, self.tracks))


def show(widget, instead: picture.Picture) -> None:
    """Display a widget that is or holds a player, and a picture that stands in its place where no widget can run.

    They are two outputs: of one output with both, a reopened notebook shows "model not found". In JupyterLab the live
    player hides its picture, and a player that is lost (a reopened notebook) its own error.
    """
    from IPython.display import HTML, display

    style = Path(__file__).with_name("still.css").read_text(encoding="utf-8")
    display(HTML(f'<style>{style}</style><div class="conc-still">{instead._repr_html_()}</div>'))
    view = {"model_id": widget.model_id, "version_major": 2, "version_minor": 0}
    display({"application/vnd.jupyter.widget-view+json": view, "text/html": "", "text/plain": ""}, raw=True)


def still(tracks):
    """A figure of the tracks below each other, its alt text and its sentence."""
    lanes = [len(track.lanes) for track in tracks]
    axes = kit.stacked(0.6 + 0.5 * len(tracks) + 0.3 * sum(lanes), "", lanes)
    for ax, track in zip(axes, tracks, strict=True):
        lane, start, end, state, share, *_ = map(numpy.array, zip(*track.blocks, strict=True))
        hues = numpy.array([kit.LOOKS[kind]["color"] for _, kind in track.lanes])[lane]
        faces, hatches = numpy.where(state == "runs", hues, "none"), [HATCHES.get(each, "") for each in state]
        edges = numpy.where(state == "runs", "white", hues)  # so that one block after another is seen
        thick = 0.7 * numpy.where(state == "runs", share.clip(0.1), 1)
        ax.barh(lane, end - start, thick, left=start, color=faces, edgecolor=edges, hatch=hatches, linewidth=0.5)
        kit.names(ax, [name for name, _ in track.lanes])
        ax.set_title(track.label, fontsize=10, loc="left")
        ax.autoscale(axis="x", tight=True)
    waits = "\nhatched: waits for the lock; dotted: waits for a CPU" * tracks[0].modelled
    axes[-1].set_xlabel(f"milliseconds; a block half as thick: the worker ran for half of that time{waits}")
    told = "; ".join(map(str, tracks))
    return ax.figure, f"Who ran when, block by block. {told}.", words.sentence(told)
