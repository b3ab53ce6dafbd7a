"""The player of the living picture: who ran when, played in the page, modelled and measured on one time axis.

A track is a few lanes (a worker each) and their blocks; player.js draws and plays it. Nothing comes back to the kernel:
the player works while the kernel is busy.
"""

from dataclasses import dataclass
from pathlib import Path

import anywidget
import traitlets

from ...engine.errors import LabError

MOST_LANES = 8
STATES = ("runs", "lock", "cpu", "waits", "unknown")


@dataclass(frozen=True)
class Track:
    """One run: lanes under a title, and what each of them does, block by block.

    lanes: (name, kind) of each worker; blocks: (lane, start_ms, end_ms, state, share, cpu, task): state is one of
    STATES ("lock" waits for the lock, "cpu" for a CPU, "waits" is a wait of the task's own, "unknown" is measured: not
    running, and nothing says why), share the part of the block in which the worker ran, cpu the number of its CPU or
    None, task the number of its task or None; lock: (lane, start_ms, end_ms) of who holds the lock, in a model;
    note: a sentence to stand under the picture.
    """

    title: str
    lanes: list
    blocks: list
    modelled: bool = False
    lock: list | tuple = ()
    note: str = ""

    def __post_init__(self):
        if not 1 <= len(self.lanes) <= MOST_LANES:
            raise LabError(f"the player has one to {MOST_LANES} lanes a track, got {len(self.lanes)} in {self.title!r}")


class Player(anywidget.AnyWidget):
    """Plays tracks under each other on one time axis; set `tracks` to play others in the same place."""

    _esm = Path(__file__).with_name("player.js")
    _css = Path(__file__).with_name("player.css")
    tracks = traitlets.List().tag(sync=True, to_json=lambda tracks, _: [vars(track) for track in tracks])

    def __init__(self, tracks, **layout):
        super().__init__(tracks=sorted(tracks, key=lambda track: not track.modelled), **layout)
