"""Echo: the partner has the interval and the neighbours that its row says, and what rows allow to say."""

import json
import subprocess
import sys

import helpers
import pytest
from made import echo as made

from conc_lab.engine.errors import LabError
from conc_lab.experiments.echo import chart, measure


def test_the_partner_has_its_interval_and_neighbours():
    """The answering process has the switch interval and the threads that its row says."""
    code = (
        "import sys, threading; from conc_lab.experiments.pingpong import worker as w; "
        "w.count_primes = lambda limit: threading.Event().wait(); "
        "w.answer = lambda *_: print(round(sys.getswitchinterval() * 1e6), threading.active_count(), flush=True); "
        "w.main()"
    )
    spec = json.dumps({"threads": 2, "interval_us": 70})
    done = subprocess.run([sys.executable, "-P", "-c", code, spec], capture_output=True, text=True, timeout=60)
    assert done.stdout == "70 3\n" and done.returncode == 0 and done.stderr == ""


def test_a_partner_that_ends(monkeypatch, nothing_left):
    """A partner that ends before it answers is one sentence, and nothing is left."""
    helpers.instead_of_our_programs(monkeypatch, "pass")
    with pytest.raises(LabError, match=r"^a worker ended before it answered; ask for fewer"):
        list(measure.echo([1], [5000], 1, 1))


def test_sentences_that_no_recording_has():
    """An echo without a step is given no cause, nor is one that took longer, and yet no interval, or had no GIL."""
    flat, slow = {key: 40.0 for key in made.ECHO}, made.ECHO | {("threads", 1, 5000): 400.0}
    assert (
        "A thread kept the GIL for about one switch interval, 5 ms, and the echo waited"
        in chart.echo_chart(made.made(), None)[2]
    )
    far = made.ECHO | {("threads", 1, 5000): 12_500.0}  # two intervals and a half are not about one
    results = (
        (made.made(flat), "1.00×"),
        (made.made(slow), "10×"),
        (made.made(far), "312×"),
        (made.made(gil=False), "128×"),
    )
    for result, times in results:
        words = chart.echo_chart(result, None)[2]
        assert f"It took {times} as long next to 1 thread with a 5 ms interval, " in words and "waited" not in words
