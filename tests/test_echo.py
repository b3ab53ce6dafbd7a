"""Echo: the partner has the interval and the neighbours that its row says, and what rows allow to say."""

import json
import subprocess
import sys

import helpers
import pytest
from made import echo as made

from conc_lab.engine import run
from conc_lab.engine.errors import LabError
from conc_lab.experiments.echo import chart, measure


def test_the_partner_has_its_interval_and_neighbours():
    """The answering process has the switch interval and the threads that its row says."""
    code = (
        "import sys, threading; from conc_lab.experiments.pingpong import worker as w; "
        "w._compute = threading.Event().wait; "
        "w.answer = lambda *_: print(round(sys.getswitchinterval() * 1e6), threading.active_count(), flush=True); "
        "w.main()"
    )
    spec = json.dumps({"threads": 2, "interval_us": 70})
    done = subprocess.run([sys.executable, "-P", "-c", code, spec], capture_output=True, text=True, timeout=60)
    assert done.stdout == "70 3\n" and done.returncode == 0 and done.stderr == ""


def test_a_partner_that_ends(monkeypatch, nothing_left):
    """A partner that ends before it answers is one sentence, and nothing is left."""
    helpers.instead_of_our_programs(monkeypatch, "pass")
    with pytest.raises(LabError, match=r"^a worker ended before it answered: .* ask for fewer workers$"):
        list(measure.echo([1], [5000], 1, 1))


def test_processes_must_fit(monkeypatch):
    """More processes than the memory holds are refused."""
    monkeypatch.setattr(run, "machine", lambda: {"memory_free_bytes": 100 << 20})
    assert run.checked("echo", {"workers": [1, 4]})
    with pytest.raises(LabError, match="at most 8 would fit"):
        run.checked("echo", {"workers": [1, 64]})


def test_sentences_that_no_recording_has():
    """An echo without a step is given no cause, nor is one that took longer, and yet no interval."""
    flat, slow = {key: 40.0 for key in made.ECHO}, made.ECHO | {("threads", 1, 5000): 400.0}
    assert chart.echo_sentence(made.made(flat, gil=False)).endswith("there is no interval to wait for.")
    assert chart.echo_sentence(made.made(gil=False)).endswith("where the echo took longer it waited for a CPU.")
    words = chart.echo_sentence(made.made(flat))
    assert "GIL" not in words and "waited" not in words
    words = chart.echo_sentence(made.made(slow))
    assert "(10 times as long)" in words and "waited" not in words
