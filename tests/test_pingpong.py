"""Ping-pong: workers are where their row says, and what rows allow to say."""

import functools
import itertools
import os
import sys
from types import SimpleNamespace

import helpers
import pytest
from made import pingpong as made

from conc_lab.engine import parameters
from conc_lab.experiments.echo import measure as echo
from conc_lab.experiments.pingpong import chart, measure

linux = pytest.mark.skipif(sys.platform != "linux", reason="pins to a CPU")


def test_rows():
    """Every variant comes once a round, of ping-pong and of echo, with figures or the reason why there are none."""
    rows, echoes = helpers.real("pingpong").rows, helpers.real("echo").rows
    wanted = [(*partner, place) for partner in measure.PARTNERS for place in measure.PLACES]
    assert sorted((row["kind"], row["primitive"], row["place"]) for row in rows) == sorted(wanted)
    beside = [(row["kind"], row["workers"], row["interval_us"]) for row in echoes]
    variants = echo.variants([1, 2], [5000])
    assert len(beside) == len(variants) and set(beside) == set(variants)
    for row in rows + echoes:
        if row.get("reason") is None:
            assert row["trips"] >= 10 and 0 < row["p10_us"] <= row["round_trip_us"] <= row["p90_us"], row
        else:
            assert row["trips"] is row["round_trip_us"] is None, row


def rows_here():
    """The rows of a small run, made in this process."""
    return list(measure.pingpong(**parameters.checked(measure.pingpong, {"run_ms": 1, "rounds": 1})))


def test_only_the_trip_is_timed(monkeypatch):
    """Neither the pause before a trip nor the call that makes it is a part of its time."""
    ticks = itertools.count(step=1000)  # each reading is a microsecond later
    clock = SimpleNamespace(perf_counter_ns=lambda: next(ticks), sleep=lambda _: next(ticks))
    monkeypatch.setattr(measure, "time", clock)
    exchange = functools.partial(measure._exchange, lambda: next(ticks), lambda: next(ticks))
    row = measure.round_trips(exchange, 0, pause_s=1)
    assert row == {"trips": 10, "round_trip_us": 3, "p10_us": 3, "p90_us": 3}


@linux
def test_places():
    """On the same CPU both workers may run on one and the same, on the other CPU on two; then as before."""
    allowed = os.sched_getaffinity(0)
    for place in measure.PLACES:
        with measure.PARTNERS["threads", "lock"]() as (_, partner), measure._placed(partner, place):
            here, there = os.sched_getaffinity(0), os.sched_getaffinity(partner)
            if place == "not pinned":
                assert here == there == allowed
            else:
                assert len(here) == len(there) == 1
                assert (here == there) == (place == "same CPU" or len(allowed) == 1)
        assert os.sched_getaffinity(0) == allowed
    with pytest.raises(OSError), measure._placed(2**22 + 1, "same CPU"):
        pass
    assert os.sched_getaffinity(0) == allowed


@linux
def test_where_a_place_is_missing(monkeypatch):
    """With one CPU, or where a platform cannot pin, rows are empty with the reason, and the others are measured."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        reasons = {row["place"]: row["reason"] for row in rows_here()}
    finally:
        os.sched_setaffinity(0, allowed)
    assert reasons == {"same CPU": None, "other CPU": "only one CPU may be used", "not pinned": None}
    monkeypatch.delattr(os, "sched_setaffinity")
    for row in rows_here():
        pinned = row["place"] != "not pinned"
        assert (row["round_trip_us"] is None) == pinned, row
        assert not pinned or "the standard library cannot choose a worker's CPU on " in row["reason"]


def test_a_run_that_is_given_up(nothing_left):
    """A run that is given up in the middle leaves no partner, no thread and no descriptor."""
    for run in measure.pingpong(1, 2), echo.echo([1], [5000], 1, 2):
        next(run)
        run.close()


def test_sentences_that_no_recording_has():
    """Slower threads on a pipe are told with the ratio, a place that is missing with its reason."""
    slower = made.TRIPS | {("same CPU", "threads", "pipe"): 9.0}
    assert "one CPU, 1.50×; two CPUs, 0.83×; not pinned, 0.88×." in chart.pingpong_chart(made.made(slower), None)[2]
    noisy = made.TRIPS | {("same CPU", "threads", "pipe"): [5.0, 7.0]}
    assert "one CPU, no clear difference; two CPUs, 0.83×" in chart.pingpong_chart(made.made(noisy), None)[2]
    words = chart.pingpong_chart(made.made(missing={"other CPU": "only one CPU may be used"}, usable=1), None)[2]
    assert words.startswith("Two CPUs: only one CPU may be used. How long") and "on two CPUs" not in words
    reason = "the standard library cannot choose a worker's CPU on macOS"
    words = chart.pingpong_chart(made.made(missing=dict.fromkeys(("same CPU", "other CPU"), reason)), None)[2]
    assert words.count(reason) == 2 and words.endswith("processes: not pinned, 0.88×.")


def test_chart():
    """Each case is a named line from top to bottom, with every run, the range and the median, on a log scale."""
    (ax,) = chart.pingpong_chart(made.made(), None)[0].axes
    assert ax.get_yticklabels()[0].get_text() == "one CPU: threads, pipe" and ax.yaxis_inverted()
    assert ax.get_xscale() == "log" and "round trip" in ax.get_xlabel()
    medians = [line for line in ax.lines if len(line.get_xdata()) == 1]
    assert [line.get_xdata()[0] for line in medians] == list(made.TRIPS.values())
    assert [len(line.get_xdata()) for line in ax.lines[:3]] == [5, 2, 1]
    assert [text.get_text() for text in ax.texts][:2] == ["5 µs", "6 µs"]
