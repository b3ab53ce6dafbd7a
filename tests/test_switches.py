"""Switches: the counts are the kernel's, and what rows allow to say."""

import os
import re
import sys
import threading
import time

import helpers
import pytest
from made import switches as made

from conc_lab.engine import in_worker, kinds, run, tasks
from conc_lab.experiments.switches import chart, measure

linux = pytest.mark.skipif(sys.platform != "linux", reason="counts the switches of a thread")


def test_rows():
    """Every variant comes once a round, of switches and of interval, with counts or the reason for none."""
    rows, intervals = helpers.real("switches").rows, helpers.real("interval").rows
    shown = ("threads", kinds.start_methods()[0])
    wanted = [(work, kind, 2, number) for work in measure.WORKS for kind in shown for number in (0, 1)]
    assert sorted((row["work"], row["kind"], row["workers"], row["worker"]) for row in rows) == sorted(wanted)
    found = [(row["kind"], row["workers"], row["interval_us"]) for row in intervals]
    assert len(found) == 3 and set(found) == {("serial", 2, None), ("threads", 2, 5000), ("threads", 2, 10)}
    for row in rows + intervals:
        assert row["results_equal"] is True and row["wall_s"] > 0 and row["cpu_s"] >= 0, row
        assert (row["voluntary_switches"] is None) == (row["reason"] is not None), row


@linux
@pytest.mark.slow
def test_a_thousand_waits_are_a_thousand_switches():
    """A worker that waits 1,000 times counts 1,000 ± 5 % voluntary switches, of whatever kind it is."""
    params = helpers.RUNS["switches"] | {"kinds": list(kinds.here(("threads", *kinds.START_METHODS, "interpreters")))}
    rows = run.run("switches", params | {"waits": 1000}, timeout_s=helpers.LIVENESS_S).rows
    waiting = [row for row in rows if row["work"] == "waiting"]
    assert len(waiting) == 2 * len(params["kinds"])
    assert all(950 <= row["voluntary_switches"] <= 1050 for row in waiting), waiting


@linux
def test_the_count_is_the_kernels():
    """What a thread counts for itself over 1,000 waits is what its line in /proc/self/task gained, ± 5 %."""
    found = {}

    def count():
        path = f"/proc/self/task/{threading.get_native_id()}/status"

        def kernels():
            with open(path) as status:
                return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read(), re.MULTILINE)[1])

        before = kernels()
        _, _, _, first, last = in_worker.counted("thread", tasks.sleep_often, (1000,))
        found["kernel"], found["own"] = kernels() - before, last.voluntary_switches - first.voluntary_switches

    thread = threading.Thread(target=count)
    thread.start()
    thread.join()
    assert found["own"] == pytest.approx(1000, rel=0.05) and found["kernel"] == pytest.approx(1000, rel=0.05)


@linux
def test_what_gives_a_cpu_up():
    """The exercise's right answers cost a voluntary switch each time, the others next to none."""
    held, free, (read, write) = threading.Lock(), threading.Lock(), os.pipe()
    held.acquire()
    os.write(write, b"." * 200)
    acts = {
        "sleep": lambda: time.sleep(0.001),
        "held_lock": lambda: held.acquire(timeout=0.001),
        "full_pipe": lambda: os.read(read, 1),
        "free_lock": lambda: (free.acquire(), free.release()),
        "sum": lambda: sum(range(1000)),
    }
    try:
        for name, act in acts.items():
            _, _, _, before, after = in_worker.counted("thread", lambda act: [act() for _ in range(100)], (act,))
            switches = after.voluntary_switches - before.voluntary_switches
            assert switches >= 95 if name in ("sleep", "held_lock") else switches <= 5, (name, switches)
    finally:
        os.close(read)
        os.close(write)


def test_what_is_not_counted():
    """Switches that are not counted are told with the reason, and drawn as such."""
    figure, alt, words = chart.switches_chart(made.made(uncounted={"threads": "macOS does not tell"}), None)
    assert (
        "1,000 with 2 processes waiting" in words
        and "2 threads" not in words
        and words.endswith(" macOS does not tell.")
    )
    assert "computing, 2 threads: not counted on this system; " in alt
    assert [text.get_text() for text in figure.axes[0].texts].count("not counted on this system") == 1
    words = chart.switches_chart(
        made.made(uncounted={"threads": "Windows does not tell", "processes": "nor this"}), None
    )[2]
    assert words == "Windows does not tell. Nor this."


def test_chart():
    """Each work has a bar of voluntary and, hatched, involuntary switches for each kind, with its figures."""
    axes = chart.switches_chart(made.made(), None)[0].axes
    assert [ax.get_title(loc="left") for ax in axes] == list(measure.WORKS)
    for ax, work in zip(axes, measure.WORKS, strict=True):
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ["2 threads", "2 processes"]
        widths = [bar.get_width() for bar in ax.patches]
        assert widths == [made.COUNTS[work, kind][column] for column in (0, 1) for kind in ("threads", "processes")]
        assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, False, True, True]
        shown = [
            "{:,} voluntary, {:,} involuntary".format(*made.COUNTS[work, kind]) for kind in ("threads", "processes")
        ]
        assert [text.get_text() for text in ax.texts] == shown
