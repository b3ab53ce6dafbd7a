"""The player: what `lab.play` makes of rows, and the still that stands in its place where no widget can run."""

import re

import IPython.display
import pytest
from made.results import TWO, made
from made.timeline import TURNS, block
from made.timeline import made as made_timeline
from made.tracks import MODEL

import conc_lab as lab
from conc_lab.drawing.player import player
from conc_lab.drawing.player.player import Player
from conc_lab.engine.errors import LabError

RAN = [[0, 0.5, 10.5, 7.5, 3], [1, 1.0, 11.0, 10.2, None], [0, 11.0, 21.0, None, 2]]  # worker, start, end, cpu_ms, cpu


def speedup_that_ran(*, rounds=2):
    """A speedup whose last round kept its tasks, of two threads and two processes and, too many for lanes, of nine."""
    result = made(TWO | {("threads", 9): 1.0}, rounds=rounds)
    for row in result.rows:
        row["ran"] = RAN if row["round"] == rounds - 1 and row["cpu"] is None else None
    return result


def test_a_timeline_becomes_tracks():
    """The last round of a timeline is a track for each kind and task, or those asked for; blocks have their share."""
    half, later = block(0, 0, 10, 0.5, number=1), block(1, 2, 4, 1.5, number=1, kind="processes", task="sha256")
    alone = made_timeline([*TURNS, half, later | {"cpu": None}])
    threads, processes = lab.play(alone).tracks
    assert threads.lanes == [("thread 1", "threads"), ("thread 2", "threads")] and threads.title == "2 threads, sleep"
    assert threads.blocks == [(0, 0, 10, "runs", 0.5, 0, None)] and not threads.modelled and not threads.lock
    assert processes.lanes[1] == ("process 2", "processes")
    assert processes.blocks == [(1, 2, 4, "runs", 1, None, None)]
    for asked in ({"task": "sha256"}, {"kind": "processes"}):
        assert lab.play(alone, **asked).tracks == [processes]


def test_a_speedup_becomes_tracks():
    """A speedup's last round is a track for serial and for each kind at its most workers that there are lanes for."""
    serial, threads, processes = lab.play(speedup_that_ran()).tracks
    assert [len(track.lanes) for track in (serial, threads, processes)] == [1, 2, 2]
    assert threads.title == "2 threads, 16 tasks of count_primes" and "unknown" not in threads.title
    assert threads.blocks[:2] == [(0, 0.5, 10.5, "runs", 0.75, 3, 0), (1, 1.0, 11.0, "runs", 1, None, 1)]
    assert threads.blocks[2] == (0, 11.0, 21.0, "unknown", 0, 2, 2)
    assert lab.play(speedup_that_ran(), kind="processes", workers=2).tracks == [serial, processes]


def test_what_cannot_be_played():
    """What holds no run to play, and a choice that the result does not have, are refused in a sentence."""
    for asked, said in (
        (lambda: lab.play("timeline"), "lab.play needs what lab.timeline"),
        (lambda: lab.play(lab.recording("memory")), "lab.play needs what lab.timeline"),
        (lambda: lab.play(made(TWO)), "or measure again"),
        (lambda: lab.play(speedup_that_ran(), workers=5), "has no such run"),
        (lambda: lab.play(made_timeline(TURNS), task="sha256"), "has no such run"),
    ):
        with pytest.raises(LabError, match=re.escape(said)):
            asked()


def test_a_still_stands_beside_the_player(monkeypatch):
    """A player is displayed after a picture with words in an output of its own; a model is called so."""
    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda what, raw=False: shown.append(what))
    measured = lab.play(speedup_that_ran()).tracks[1]
    Player(tracks=[MODEL, measured])._ipython_display_()
    picture, widget = shown
    alt, sentence = re.search(r'alt="(.*?)".*<p>(.*?)</p>', picture.data, re.DOTALL).groups()
    told = "two threads: 10 ms, 1.00 cores busy on average; measured, 2 threads, 16 tasks of count_primes: 21 ms, 0.8"
    assert told in alt and told in sentence and 'class="conc-still"' in picture.data
    assert widget["application/vnd.jupyter.widget-view+json"]["model_id"] and widget["text/html"] == ""
    figure, *_ = player.still([MODEL])
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["thread 1", "thread 2"]
    assert "////" in [block.get_hatch() for block in figure.axes[0].patches]
