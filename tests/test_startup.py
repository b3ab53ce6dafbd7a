"""The startup experiment: what its rows hold, what is concluded from rows, and its charts."""

import itertools
import json
import math
import multiprocessing
import os
import subprocess
import sys
import threading
from math import inf
from pathlib import Path

import helpers
import pytest
from made.results import MadeBet
from made.startup import QUIET, made_startup

import conc_lab
from conc_lab.experiments.startup.measure import worker as _startup_worker
from conc_lab.drawing import picture as charts
from conc_lab.engine import pools as executors, run as runner
from conc_lab.experiments.startup.measure import chart as drawn
from conc_lab.drawing import kit as style
from conc_lab.engine.errors import LabError
from conc_lab.experiments.startup.measure import measure as module
from conc_lab.experiments.startup.measure import costs, pays_from

COLUMNS = {
    "round", "order", "start", "way", "cold", "main_imports", "workers", "start_s", "answer_s", "end_s",
    "new_process", "ran_main",
}  # fmt: skip
HERE = [way for way in module.WAYS if not module.unavailable(way)]
QUICK = {"workers": [1], "starts": 2, "rounds": 1}


def started(**params):
    """The rows of a run in a child."""
    return runner.run("startup", QUICK | params, timeout_s=helpers.LIVENESS_S).rows


# The experiment


def test_rows_of_a_run():
    """Every way is there with so many starts for every number of workers in each round; processes are new ones."""
    result = helpers.real("startup")
    rows, params = result.rows, result.params
    assert all(row.keys() == COLUMNS and row["main_imports"] == "nothing" for row in rows)
    wanted = sorted(itertools.product(HERE, params["workers"]))
    for number in range(params["rounds"]):
        mine = [row for row in rows if row["round"] == number]
        places = {(row["way"], row["workers"]): row["order"] for row in mine}
        assert sorted(places) == wanted and sorted(places.values()) == list(range(len(wanted)))
        for way, size in wanted:
            turn = [row["start"] for row in mine if (row["way"], row["workers"]) == (way, size)]
            assert turn == list(range(params["starts"] * (module.THREADS_MORE if way == "thread" else 1)))
    for row in rows:
        assert 0 < row["start_s"] <= row["answer_s"] and row["end_s"] >= 0
        assert row["new_process"] == (row["way"] in executors.START_METHODS)
    json.dumps(rows, allow_nan=False)


@pytest.mark.skipif("forkserver" not in executors.start_methods(), reason="no forkserver here")
def test_a_new_server_for_each_turn(monkeypatch, tmp_path):
    """The first start of forkserver's turn, and no other, is cold: every turn starts a server, and one only."""
    servers = tmp_path / "servers"
    code = f"if 'forkserver import main' in str(sys.orig_argv): open({str(servers)!r}, 'a').write('one ')"
    in_every_program(monkeypatch, tmp_path, code)
    rows = started(ways=["forkserver", "spawn"], starts=3, rounds=2)
    assert servers.read_text() == "one one "
    assert [row["cold"] for row in rows if row["way"] == "forkserver"] == [True, False, False] * 2
    assert not any(row["cold"] for row in rows if row["way"] == "spawn")


def in_every_program(monkeypatch, tmp_path, code):
    """Every Python that starts from now on runs this line of code first."""
    (tmp_path / "sitecustomize.py").write_text(f"import os, sys\n{code}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_who_runs_the_main_file():
    """A spawned worker runs the program's main file, whatever it imports; threads, interpreters and forks do not."""
    rows = started(main_imports="decimal", ways=[way for way in HERE if way != "forkserver"])
    assert {row["main_imports"] for row in rows} == {"nothing", "decimal"}
    assert all(row["ran_main"] == (row["way"] == "spawn") for row in rows)


def test_the_two_main_files_differ_in_the_import_only(monkeypatch, tmp_path):
    """What `main_imports` changes is one line of the main file; the program itself is told to import it with both."""
    said = tmp_path / "said"
    code = f"import sys; open({str(said)!r}, 'a').write(open(sys.argv[4]).read() + f'({{sys.argv[5]}})')"
    helpers.instead_of_our_programs(monkeypatch, f"{code}; print('0 0 0 0 0\\n' * int(sys.argv[3]))")
    list(module.startup(["spawn"], [1], "decimal", 2, 1))
    main = module.MAIN
    assert said.read_text() in (
        f"{main}(decimal){main}import decimal\n(decimal)",
        f"{main}import decimal\n(decimal){main}(decimal)",
    )


FORK_BY_HAND = """
import importlib, threading
from multiprocessing import get_context
reader, writer = get_context("fork").Pipe()
worker = get_context("fork").Process(target=writer.send_bytes, args=(b"here",))
worker.start()
reader.recv_bytes()
worker.join()
"""


@pytest.mark.skipif("fork" not in executors.start_methods(), reason="no fork here")
def test_the_program_is_lean():
    """A program that forks holds next to nothing beside what one written by hand does: a fork copies it all."""
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}
    once = "from conc_lab._startup_worker import main; main()"

    def modules(code, imported="nothing"):
        args = ("fork", "1", "1", "main.py", imported)
        command = [sys.executable, "-P", "-c", f"import sys\n{code}\nprint(*sys.modules)", *args]
        return set(subprocess.check_output(command, env=environment, text=True).splitlines()[-1].split())

    extra = modules(once) - modules(FORK_BY_HAND)
    assert extra == {"conc_lab", "conc_lab._startup_worker", "conc_lab.errors"}
    assert "decimal" in modules(once, "decimal")


def test_the_first_start_of_a_program_is_not_counted(monkeypatch):
    """A program starts workers once more than rows come back; forkserver's, whose first start is cold, does not."""
    code = "import sys\nfor number in range(int(sys.argv[3])): print(number, number, 0, 1, 0)"
    helpers.instead_of_our_programs(monkeypatch, code)
    items = list(module.startup(["thread", "spawn", "forkserver"], [1], "nothing", 2, 3))
    rows = [item for item in items if isinstance(item, dict) and item["round"] == 0]
    numbers = {way: [row["start_s"] * 1e9 for row in rows if row["way"] == way] for way in ("spawn", "forkserver")}
    assert numbers == {"spawn": [1, 2], "forkserver": [0, 1]}
    assert len([row for row in rows if row["way"] == "thread"]) == 2 * module.THREADS_MORE
    done = [item for item in items if not isinstance(item, dict)]
    assert [item.fraction for item in done] == sorted(item.fraction for item in done) and done[-1].fraction == 1
    assert sum(item.round_done for item in done) == 3


LOOK = """
import json, sys
from multiprocessing import get_context
from conc_lab import _startup_worker
reader, writer = get_context("spawn").Pipe(duplex=False)
worker = get_context("spawn").Process(target=exec, args=(sys.argv[1], {"connection": writer}))
worker.start()
print(json.dumps(reader.recv()))
worker.join()
"""


def test_a_worker_imports_next_to_nothing():
    """Beside what a bare spawned process has, a worker of this experiment imports two small modules."""
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}
    send = "import sys; connection.send(sorted(sys.modules))"

    def modules(code):
        command = [sys.executable, "-P", "-c", LOOK, f"{code}{send}"]
        return set(json.loads(subprocess.check_output(command, env=environment)))

    extra = modules("import conc_lab._startup_worker; conc_lab._startup_worker.identity(); ") - modules("")
    assert extra <= {"conc_lab", "conc_lab._startup_worker"} and extra


# Bad input and faults


def test_what_is_refused(monkeypatch):
    """A way that the platform lacks, more than fits and an import that is not installed are refused in a sentence."""

    def check(ways, workers=1, main_imports="nothing", free=100 << 20):
        given = {"ways": ways, "workers": [1, workers], "main_imports": main_imports}
        module.check(given, {"memory_free_bytes": free})

    if sys.version_info < (3, 14):
        assert "interpreter" not in HERE
        with pytest.raises(LabError, match=r"interpreters need Python 3.14; this is 3"):
            check(["interpreter"])
    with pytest.raises(LabError, match=r"32 spawn processes need .* at most 8 would fit"):
        check(["thread", "spawn"], 32)
    check(["thread"], 32)  # needs no such room
    with pytest.raises(LabError, match="at most 1 would fit"):
        check(["spawn"], 32, "numpy")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LabError, match="numpy is not installed here; choose another import"):
        check(["thread"], main_imports="numpy")
    monkeypatch.setattr(executors, "start_methods", lambda: ["spawn"])
    with pytest.raises(LabError, match="start method 'fork' does not exist on this platform; one of: spawn"):
        check(["fork"])


def test_a_worker_that_cannot_start(monkeypatch):
    """Where the second of three workers cannot start, it is one sentence, and the first has ended."""
    before = helpers.threads()
    for way, owner, name, error in (
        ("thread", threading.Thread, "start", RuntimeError("can't start new thread")),
        ("fork", os, "fork", BlockingIOError(11, "Resource temporarily unavailable")),
    ):
        if way not in HERE:
            continue
        start, count = getattr(owner, name), itertools.count()

        def refuse_the_second(*args, start=start, count=count, error=error):
            if next(count) == 1:
                raise error
            return start(*args)

        with monkeypatch.context() as patch, pytest.raises(LabError) as caught:
            patch.setattr(owner, name, refuse_the_second)
            _startup_worker.timed(way, 3)
        assert f"could not start 3 workers by {way} ({error.args[-1]}" in str(caught.value).replace("[Errno 11] ", "")
        assert "ask for fewer workers" in str(caught.value)
    assert helpers.becomes_true(lambda: helpers.threads() <= before, helpers.LIVENESS_S)
    assert multiprocessing.active_children() == []


@pytest.mark.skipif("fork" not in executors.start_methods(), reason="no fork here")
def test_a_program_that_fails(monkeypatch, tmp_path):
    """What a program says, or that it says nothing, is one sentence."""
    for code, said in (
        ("os.fork = lambda: os.read(-1, 1)", r"this machine could not start 1 workers by fork \(Bad file descriptor\)"),
        ("os.fork = lambda: 1 / 0", "it failed with ZeroDivisionError: division by zero"),
        ("'_startup_worker' in str(sys.orig_argv) and os._exit(3)", "it ended with exit code 3"),
    ):
        in_every_program(monkeypatch, tmp_path, code)
        with pytest.raises(LabError, match=f"^a program that starts workers by fork could not go on: {said}"):
            started(ways=["fork"])


def test_a_worker_that_dies_unheard(monkeypatch):
    """A worker that ends before it answers is a sentence, not a wait without end."""
    monkeypatch.setattr(_startup_worker, "identity", lambda: 1 / 0)  # for an interpreter
    for way in set(HERE) - {"thread"}:
        monkeypatch.setattr(_startup_worker, "answer", os.abort if way == "fork" else len)
        with pytest.raises(LabError, match=f"a worker started by {way} ended before it answered"):
            _startup_worker.timed(way, 2)
        if way == "forkserver":
            multiprocessing.forkserver._forkserver._stop()


# What is concluded from rows


def test_costs():
    """Each variant's time by worker, whole setup, and ratio to as many threads; ordered by way, cold first."""
    found = costs(made_startup().rows)
    assert [(item["way"], item["cold"]) for item in found if item["workers"] == 1] == list(QUIET)
    for item in found:
        cost = QUIET[item["way"], item["cold"]]
        assert item["each_s"] == pytest.approx(cost / 1000) and item["rounds"] == 3
        assert item["setup_s"] == pytest.approx((cost * item["workers"] + 1) / 1000)
        assert item["against_thread"] == item["low"] == item["high"] == pytest.approx(cost / QUIET["thread", False])


def test_costs_are_paired():
    """The ratio to threads is taken in each round, so that what slows both does not count; without threads is none."""
    slow = {("thread", False): [0.1, 1.0, 0.1], ("spawn", False): [40, 400, 50]}
    (_, spawn) = costs(made_startup(slow, workers=[1]).rows)
    assert (spawn["against_thread"], spawn["low"], spawn["high"]) == pytest.approx((400, 400, 500))
    assert spawn["each_s"] == pytest.approx(0.05)
    (spawn,) = costs(made_startup({("spawn", False): 40}, workers=[1]).rows)
    assert spawn["against_thread"] is spawn["low"] is spawn["high"] is None


def test_costs_of_a_main_file():
    """Variants with another main file are told apart, and compared with the same threads."""
    found = costs(made_startup(workers=[1], imports={"asyncio": 20}).rows)
    spawn = {item["main_imports"]: item for item in found if item["way"] == "spawn"}
    assert spawn["nothing"]["each_s"] == pytest.approx(0.04) and spawn["asyncio"]["each_s"] == pytest.approx(0.06)
    assert spawn["asyncio"]["against_thread"] == pytest.approx(600)


def test_pays_from():
    """Work pays from where setup and the shared work together take as long as the work alone."""
    for setup_s, workers, cpus, least in (
        (0.1, 2, 2, 0.2),
        (0.3, 4, 4, 0.4),
        (0.1, 8, 2, 0.2),
        (0.1, 2, 8, 0.2),
        (0.1, 2, 1.5, 0.3),
        (0.1, 2, 1, inf),
    ):
        found = pays_from(setup_s, workers, cpus)
        assert found == pytest.approx(least), (setup_s, workers, cpus)
        assert found == inf or found / min(workers, cpus) + setup_s == pytest.approx(found)


# Charts


def axes(result, chart="startup", bet=None, earlier=None):
    (ax,) = drawn.CHARTS[chart](result, bet, earlier)[0].axes
    return ax


def sentence(result, chart="startup"):
    return drawn.CHARTS[chart](result, None, None)[2]


def test_every_start_is_drawn_under_its_median():
    """Every start is a faint point, the median a strong one, in milliseconds on a logarithmic axis."""
    ax = axes(made_startup({("thread", False): 0.1, ("spawn", False): [30, 40, 80]}, workers=[1]))
    assert ax.get_xscale() == "log" and [tick.get_text() for tick in ax.get_yticklabels()] == ["thread", "spawn"]
    faint, strong = (
        [line for line in ax.lines if (line.get_alpha() == style.FAINT["alpha"]) is is_faint]
        for is_faint in (True, False)
    )
    assert [len(line.get_xdata()) for line in faint] == [6, 6]
    assert [line.get_xdata()[0] for line in strong] == pytest.approx([0.1, 40])
    assert [text.get_text() for text in ax.texts] == ["100 µs", "40 ms  400×"]


def test_numbers_of_workers_are_told_apart():
    """Each number of workers has a place and a filling of its own on its way's line, and its name in the legend."""
    ax = axes(made_startup(workers=[1, 4]))
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names == ["thread", "interpreter", "fork", "forkserver (first)", "forkserver (next)", "spawn"]
    assert ax.get_xlabel() == "time to a worker's first answer"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["1 worker", "4 together, each"]
    strong = [line for line in ax.lines if line.get_alpha() is None][:2]
    assert len({line.get_fillstyle() for line in strong}) == len({line.get_ydata()[0] for line in strong}) == 2
    assert axes(made_startup(workers=[1])).get_legend() is None


def test_a_bet_and_the_run_before():
    """A bet on processes is a star on spawn's line, at so many times a thread; the run before is crosses."""
    result, earlier = made_startup(workers=[1]), made_startup({("spawn", False): 70}, workers=[1])
    ax = axes(result, bet=MadeBet(("processes", 1, 10.0)), earlier=earlier)
    marks = {line.get_marker(): line for line in ax.lines if line.get_marker() in "*x"}
    assert marks["*"].get_xdata()[0] == pytest.approx(1) and marks["*"].get_ydata()[0] == len(QUIET) - 1
    assert marks["x"].get_xdata()[0] == pytest.approx(70)
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"your bet", "run before"}
    alt = drawn.CHARTS["startup"](result, MadeBet(("processes", 1, 10.0)), earlier)[1]
    assert alt.endswith("; your bet: 1 ms; the run before: spawn 70 ms.")
    lone = made_startup({("spawn", False): 40})  # without the thread that a bet is counted in
    for without, bet in ((result, None), (result, MadeBet()), (lone, MadeBet(("processes", 1, 3.0)))):
        assert "*" not in [line.get_marker() for line in axes(without, bet=bet).lines]
        assert "bet" not in drawn.CHARTS["startup"](without, bet, None)[1]


def test_sentence_without_threads_or_processes():
    """Without threads the sentence gives times; with threads only, their time; with several together, it says so."""
    assert sentence(made_startup({("spawn", False): 40})) == "To the first answer: a spawn process 40 ms."
    assert sentence(made_startup({("thread", False): 2}, workers=[1])) == (
        "A thread gave its first answer 2 ms after it was asked for."
    )
    assert "each of three workers started together" in sentence(made_startup(workers=[3]))
    assert charts.table(made_startup({("spawn", False): 40})).iloc[0]["times a thread"] is None


def test_sentence_of_a_main_file_that_imports():
    """What the import added is told in milliseconds for each way, and whether its workers ran the file."""
    words = sentence(made_startup(workers=[1], imports={"asyncio": 20}))
    assert "With import asyncio in the main file: thread +0.0 ms (no worker ran the file), " in words
    assert words.endswith("spawn +20.0 ms (each worker ran the file).")
    less = made_startup(imports={"asyncio": -0.01}, ran=("thread",))
    assert "thread +0.0 ms" in sentence(less)


def test_what_this_machine_lacks_is_named():
    """Where all was measured that there is, what is missing is named; where a part was chosen, it is not."""
    old = {key: value for key, value in QUIET.items() if key[0] != "interpreter"}
    assert sentence(made_startup(old, python="3.13.0")).endswith("Interpreters as workers need Python 3.14.")
    windows = {key: QUIET[key] for key in (("thread", False), ("interpreter", False), ("spawn", False))}
    words = sentence(made_startup(windows, start_methods=["spawn"]))
    assert words.endswith("This platform has no fork and no forkserver.")
    assert "need" not in sentence(made_startup({("thread", False): 0.1}, python="3.13.0"))


def test_breakeven_marks_where_each_way_pays():
    """Each way's curve crosses serial at its mark: setup times two, for two workers on two CPUs."""
    ax = axes(made_startup(), "breakeven")
    marks = {line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1}
    wanted = {2 * (2 * cost + 1) for (way, _), cost in QUIET.items() if way != "thread"}
    assert sorted(marks) == pytest.approx(sorted(wanted))
    curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
    assert len(curves) == len(wanted)
    for curve in curves:
        at = dict(zip(curve.get_xdata(), curve.get_ydata(), strict=True))
        crossing = min(at, key=lambda work: abs(at[work] - 1))
        assert min(abs(math.log(crossing / want)) for want in wanted) < 0.1
        assert max(at.values()) < 2
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "time that the whole work takes in serial"
    assert ax.get_ylabel() == "best speedup\n(serial = 1)"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == "interpreter: from 34 ms" and labels[-1] == "spawn: from 162 ms"


def test_breakeven_on_one_cpu():
    """With one usable CPU, or with one worker, there is a chart, and it says that nothing is ever gained."""
    for result, words in (
        (made_startup(usable_cpus=1), "One usable CPU: no number of workers computes sooner than serial here"),
        (made_startup(workers=[1]), "One worker computes no sooner than the program itself"),
        (made_startup({("thread", False): 0.1}, usable_cpus=1), "One usable CPU"),
    ):
        ax = axes(result, "breakeven")
        assert all(max(line.get_ydata()) < 1 for line in ax.lines if len(line.get_xdata()) > 2)
        assert all(text.get_text().endswith("never") for text in ax.get_legend().get_texts())
        assert sentence(result, "breakeven").startswith(words)


def test_breakeven_in_words():
    """Threads have a break-even where no GIL is between them; a quota of one and a half CPUs counts as that."""
    for facts, told in (
        ({}, ["interpreter from 34 ms", "fork from 10 ms", "spawn from 162 ms", "Threads are left out"]),
        ({"gil": False}, ["thread from 2.4 ms", "interpreter from 34 ms"]),
        ({"cpu_quota": 1.5}, ["spawn from 243 ms", "Threads are left out"]),
    ):
        words = sentence(made_startup(**facts), "breakeven")
        assert all(each in words for each in told) and ("GIL" in words) == facts.get("gil", True), words
