"""The startup experiment: what its rows hold, what is concluded from rows, and its charts."""

import dataclasses
import itertools
import json
import math
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import helpers
import pytest
from made.results import MadeBet
from made.startup import QUIET, made_startup

import conc_lab
from conc_lab.drawing import kit, picture
from conc_lab.engine import kinds, run
from conc_lab.engine.errors import LabError, in_one_line
from conc_lab.experiments.startup import chart, measure, worker
from conc_lab.experiments.startup.chart import summary

HERE = kinds.here(measure.KINDS)
QUICK = {"workers": [1], "starts": 2, "rounds": 1}


def started(**params):
    """The rows of a run in a child."""
    return run.run("startup", QUICK | params, timeout_s=helpers.LIVENESS_S).rows


# The experiment


def test_rows_of_a_run():
    """Every kind is there with so many starts for every number of workers in each round; processes are new ones."""
    result = helpers.real("startup")
    rows, params = result.rows, result.params
    assert all(row["main_imports"] == "nothing" for row in rows)
    wanted = sorted(itertools.product(HERE, params["workers"]))
    for number in range(params["rounds"]):
        round_ = [row for row in rows if row["round"] == number]
        places = {(row["kind"], row["workers"]): row["order"] for row in round_}
        assert sorted(places) == wanted and sorted(places.values()) == list(range(len(wanted)))
        for kind, size in wanted:
            turn = [row["start"] for row in round_ if (row["kind"], row["workers"]) == (kind, size)]
            assert turn == list(range(params["starts"] * (measure.THREADS_MORE if kind == "threads" else 1)))
    for row in rows:
        assert 0 < row["start_s"] <= row["answer_s"] and row["end_s"] >= 0
        assert row["new_process"] == (row["kind"] in kinds.START_METHODS)


@pytest.mark.skipif("forkserver" not in kinds.start_methods(), reason="no forkserver here")
def test_a_new_server_for_each_turn(monkeypatch, tmp_path):
    """The first start of forkserver's turn, and no other, is cold: every turn starts a server, and one only."""
    servers = tmp_path / "servers"
    code = f"if 'forkserver import main' in str(sys.orig_argv): open({str(servers)!r}, 'a').write('one ')"
    in_every_program(monkeypatch, tmp_path, code)
    rows = started(kinds=["forkserver", "spawn"], starts=3, rounds=2)
    assert servers.read_text() == "one one "
    assert [row["cold"] for row in rows if row["kind"] == "forkserver"] == [True, False, False] * 2
    assert not any(row["cold"] for row in rows if row["kind"] == "spawn")


def in_every_program(monkeypatch, tmp_path, code):
    """Every Python that starts from now on runs this line of code first."""
    (tmp_path / "sitecustomize.py").write_text(f"import os, sys\n{code}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_who_runs_the_main_file():
    """A spawned worker runs the program's main file, whatever it imports; threads, interpreters and forks do not."""
    rows = started(main_imports="decimal", kinds=[kind for kind in HERE if kind != "forkserver"])
    assert {row["main_imports"] for row in rows} == {"nothing", "decimal"}
    assert all(row["ran_main"] == (row["kind"] == "spawn") for row in rows)


def test_the_two_main_files_differ_in_the_import_only(monkeypatch, tmp_path):
    """What `main_imports` changes is one line of the main file; the program itself is told to import it with both."""
    heard = tmp_path / "heard"
    code = (
        "import sys; kind, workers, starts, main, imports = sys.argv[1:]\n"
        f"open({str(heard)!r}, 'a').write(open(main).read() + f'({{imports}})')\n"
        "print([{}] * int(starts))"
    )
    helpers.instead_of_our_programs(monkeypatch, code)
    list(measure.startup(["spawn"], [1], "decimal", 2, 1))
    main = measure.MAIN
    assert heard.read_text() in (
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


@pytest.mark.skipif("fork" not in kinds.start_methods(), reason="no fork here")
def test_the_program_is_lean():
    """A program that forks holds next to nothing beside what one written by hand does: a fork's time grows with it."""
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}
    once = "from conc_lab.experiments.startup.worker import main; main()"

    def modules(code, imports="nothing"):
        """What a program holds when it has forked."""
        look = "import os, sys\nfork = os.fork\nos.fork = lambda: (print(*sys.modules, flush=True), fork())[1]\n"
        command = [sys.executable, "-P", "-c", look + code, "fork", "1", "1", "main.py", imports]
        return set(subprocess.check_output(command, env=environment, text=True).splitlines()[0].split())

    extra = modules(once) - modules(FORK_BY_HAND)
    ours = ["conc_lab", "conc_lab.experiments", "conc_lab.experiments.startup", "conc_lab.experiments.startup.worker"]
    assert extra == set(ours)
    assert "decimal" in modules(once, "decimal")


def test_the_first_start_of_a_program_is_not_counted(monkeypatch):
    """A program starts workers once more than rows come back; forkserver's, whose first start is cold, does not."""
    code = "import json, sys\nprint(json.dumps([{'start_s': n} for n in range(int(sys.argv[3]))]))"
    helpers.instead_of_our_programs(monkeypatch, code)
    rows = [
        row for row in measure.startup(["threads", "spawn", "forkserver"], [1], "nothing", 2, 3) if row["round"] == 0
    ]
    numbers = {kind: [row["start_s"] for row in rows if row["kind"] == kind] for kind in ("spawn", "forkserver")}
    assert numbers == {"spawn": [1, 2], "forkserver": [0, 1]}
    assert len([row for row in rows if row["kind"] == "threads"]) == 2 * measure.THREADS_MORE


LOOK = """
import json, sys
from multiprocessing import get_context
reader, writer = get_context("spawn").Pipe(duplex=False)
worker = get_context("spawn").Process(target=exec, args=(sys.argv[1], {"connection": writer}))
worker.start()
print(json.dumps(reader.recv()))
worker.join()
"""


def test_a_worker_imports_next_to_nothing():
    """Beside what a bare spawned process has, a worker of this experiment imports one small module and its folders."""
    environment = os.environ | {"PYTHONPATH": str(Path(conc_lab.__file__).parent.parent)}
    send = "import sys; connection.send(sorted(sys.modules))"

    def modules(code):
        command = [sys.executable, "-P", "-c", LOOK, f"{code}{send}"]
        return set(json.loads(subprocess.check_output(command, env=environment)))

    name = "conc_lab.experiments.startup.worker"
    extra = modules(f"import {name}; {name}.identity(); ") - modules("")
    assert extra == {"conc_lab", "conc_lab.experiments", "conc_lab.experiments.startup", name}


# Bad input and faults


def test_what_is_refused():
    """Processes count with what their main file imports; threads need no such room."""

    def check(kinds, workers, main_imports="nothing"):
        given = {"kinds": kinds, "workers": [1, workers], "main_imports": main_imports}
        measure.check(given, {"memory_free_bytes": 100 << 20})

    with pytest.raises(LabError, match=r"32 processes .spawn. need .* ask for 8 at most"):
        check(["threads", "spawn"], 32)
    check(["threads"], 32)
    with pytest.raises(LabError, match="ask for 1 at most"):
        check(["spawn"], 32, "numpy")


def test_a_worker_that_cannot_start(monkeypatch):
    """Where the second of three workers cannot start, it is one sentence, and the first has ended."""
    before = helpers.threads()
    for kind, owner, name, error in (
        ("threads", threading.Thread, "start", RuntimeError("can't start new thread")),
        ("fork", os, "fork", BlockingIOError(11, "Resource temporarily unavailable")),
    ):
        if kind not in HERE:
            continue
        start, count = getattr(owner, name), itertools.count()

        def refuse_the_second(*args, start=start, count=count, error=error):
            if next(count) == 1:
                raise error
            return start(*args)

        with monkeypatch.context() as patch, pytest.raises(type(error)) as caught:
            patch.setattr(owner, name, refuse_the_second)
            worker.timed(kind, 3)
        sentence = f"this machine could not start another worker ({error.args[-1]}): ask for fewer workers"
        assert in_one_line(caught.value).startswith(sentence)
    assert helpers.becomes_true(lambda: helpers.threads() <= before, helpers.LIVENESS_S)
    assert multiprocessing.active_children() == []


@pytest.mark.skipif("fork" not in kinds.start_methods(), reason="no fork here")
def test_a_program_that_fails(monkeypatch, tmp_path):
    """What a program says, or that it says nothing, is one sentence."""
    for code, text in (
        (
            "os.fork = lambda: exec('raise BlockingIOError(11, \"no\")')",
            "this machine could not start another worker .no.",
        ),
        ("os.fork = lambda: 1 / 0", "it failed with ZeroDivisionError: division by zero"),
        ("'startup.worker' in str(sys.orig_argv) and os._exit(3)", "it ended with exit code 3"),
        ("os.register_at_fork(after_in_child=os.abort)", r"a worker \(fork\) ended before it answered; ask for fewer"),
    ):
        in_every_program(monkeypatch, tmp_path, code)
        with pytest.raises(LabError, match=f"^a program that starts fork could not go on: {text}"):
            started(kinds=["fork"])


def test_a_worker_that_dies_unheard(monkeypatch):
    """A worker that ends before it answers is a sentence, not a wait without end."""
    monkeypatch.setattr(worker, "identity", lambda: 1 / 0)  # for an interpreter
    for kind in set(HERE) - {"threads"}:
        monkeypatch.setattr(worker, "answer", os.abort if kind == "fork" else len)
        with pytest.raises(EOFError):
            worker.timed(kind, 2)
        if kind == "forkserver":
            multiprocessing.forkserver._forkserver._stop()


# What is concluded from rows


def test_summary():
    """Each variant's time, whole setup, and ratio to as many threads; ordered by kind, cold first."""
    lines = list(summary(made_startup()).itertuples())
    assert [(line.kind, line.cold) for line in lines if line.workers == 1] == list(QUIET)
    for line in lines:
        cost = QUIET[line.kind, line.cold]
        assert line.answer_s == pytest.approx(cost * line.workers / 1000) and line.rounds == 3
        assert line.setup_s == pytest.approx((cost * line.workers + 1) / 1000)
        assert line.against_thread == line.low == line.high == pytest.approx(cost / QUIET["threads", False])


def test_of_several_the_last_answer_counts():
    """Where the last of two answers after 31 ms, 31 ms is drawn and said, beside the ratio to two threads."""
    result = made_startup({("threads", False): 0.1, ("spawn", False): 20})
    for row in result.rows:
        if row["kind"] == "spawn" and row["workers"] == 2:
            row["answer_s"] = 0.031
    strong = [line for line in axes(result).lines if line.get_markersize() == kit.STRONG["markersize"]]
    assert [line.get_xdata()[0] for line in strong] == pytest.approx([1e-4, 2e-4, 0.02, 0.031])
    assert chart.startup_chart(result, None)[1].endswith("; spawn, 2 together: 31 ms.")
    two = dataclasses.replace(result, rows=[row for row in result.rows if row["workers"] == 2])
    assert sentence(two) == "Time until two workers have answered: thread 200 µs, spawn 31 ms (160 times as long)."


def test_costs_are_paired():
    """The ratio to threads is taken in each round, so that what slows both does not count; without threads is none."""
    slow = {("threads", False): [0.1, 1.0, 0.1], ("spawn", False): [40, 400, 50]}
    (_, spawn) = summary(made_startup(slow, workers=[1])).itertuples()
    assert (spawn.against_thread, spawn.low, spawn.high) == pytest.approx((400, 400, 500))
    assert spawn.answer_s == pytest.approx(0.05)
    lone = summary(made_startup({("spawn", False): 40}, workers=[1]))
    assert lone[["against_thread", "low", "high"]].isna().all(axis=None)


def test_costs_of_a_main_file():
    """Variants with another main file are told apart, and compared with the same threads."""
    lines = summary(made_startup(workers=[1], imports={"asyncio": 20})).set_index("name")
    assert list(lines.index[-2:]) == ["spawn", "spawn + import asyncio"]
    assert list(lines.answer_s[-2:]) == pytest.approx([0.04, 0.06])
    assert lines.against_thread["spawn + import asyncio"] == pytest.approx(600)


# Charts


def axes(result, name="startup", bet=None):
    (ax,) = getattr(chart, f"{name}_chart")(result, bet)[0].axes
    return ax


def sentence(result, name="startup"):
    return getattr(chart, f"{name}_chart")(result, None)[2]


def test_every_start_is_drawn_under_its_median():
    """Every start is a small point, the median a large one, on a logarithmic axis."""
    ax = axes(made_startup({("threads", False): 0.1, ("spawn", False): [30, 40, 80]}, workers=[1]))
    assert ax.get_xscale() == "log" and [tick.get_text() for tick in ax.get_yticklabels()] == ["thread", "spawn"]
    small = [line for line in ax.lines if line.get_markersize() == kit.SMALL["markersize"]]
    strong = [line for line in ax.lines if line.get_markersize() == kit.STRONG["markersize"]]
    assert [len(line.get_xdata()) for line in small] == [6, 6]
    assert [line.get_xdata()[0] for line in strong] == pytest.approx([0.0001, 0.04])
    assert [text.get_text() for text in ax.texts] == ["100 µs", "40 ms (400×)"]


def test_numbers_of_workers_are_told_apart():
    """Each number of workers has a line of its own, and is named where it is more than one."""
    ax = axes(made_startup(workers=[1, 4]))
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names[:4] == ["thread", "thread, 4 together", "interpreter", "interpreter, 4 together"]
    assert names[4::2] == ["fork", "forkserver (first)", "forkserver (next)", "spawn"]
    assert ax.get_xlabel() == "time until all have answered"


def test_a_bet():
    """A bet on processes is a star on spawn's line, at so many times a thread, and within the axes."""
    result, bet = made_startup(workers=[1]), MadeBet(("processes", 1, 100000.0))
    ax = axes(result, bet=bet)
    (star,) = (line for line in ax.lines if line.get_marker() == "*")
    assert star.get_xdata()[0] == pytest.approx(10) and star.get_ydata()[0] == len(QUIET) - 1
    assert ax.get_xlim()[1] > 10 and [text.get_text() for text in ax.get_legend().get_texts()] == ["your bet"]
    assert chart.startup_chart(result, bet)[1].endswith("; your bet: 10 s.")
    lone = made_startup({("spawn", False): 40})  # without the thread that a bet is counted in
    for without, bet in ((result, None), (result, MadeBet()), (lone, MadeBet(("processes", 1, 3.0)))):
        assert "*" not in [line.get_marker() for line in axes(without, bet=bet).lines]
        assert "bet" not in chart.startup_chart(without, bet)[1]


def test_sentence_without_threads_or_processes():
    """Without threads the sentence gives times only; with several together, it says so."""
    lone = made_startup({("spawn", False): 40})
    assert sentence(lone) == "Time to a worker's first answer: spawn 40 ms."
    several = sentence(made_startup(workers=[3, 4]))
    assert several.startswith(
        "Time until three workers have answered: thread 300 µs, interpreter 24 ms (80 times as long), "
    )
    assert len(picture.table(lone))


def test_sentence_of_a_main_file_that_imports():
    """What the import added is told in milliseconds for each kind, and whether its workers ran the file."""
    words = sentence(made_startup(workers=[1], imports={"asyncio": 20}))
    assert "Import asyncio in the main file adds: thread +0.0 ms (no worker ran the file), " in words
    assert words.endswith("spawn +20.0 ms (each worker ran the file).")
    less = made_startup(imports={"asyncio": -0.01}, ran=("threads",))
    assert "thread +0.0 ms" in sentence(less)


def test_what_an_import_adds_is_paired():
    """What the import added is the difference within each round, so that what slows both does not count."""
    slow = made_startup({("spawn", False): [30, 400, 41]}, workers=[1], imports={"asyncio": 20})
    slow.rows[0]["answer_s"] = slow.rows[1]["answer_s"] = 0.06  # the first round's, without the import
    assert "spawn +20.0 ms" in sentence(slow)


def test_breakeven_marks_where_each_kind_pays():
    """Each kind's curve crosses serial at its mark: setup times two, for two workers on two CPUs; threads' never."""
    ax = axes(made_startup(), "breakeven")
    marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    wanted = [math.inf if kind == "threads" else (2 * cost + 1) / 500 for (kind, _), cost in QUIET.items()]
    assert marks == pytest.approx(wanted)
    curves = [line for line in ax.lines if len(line.get_xdata()) > 2]
    for curve, want in zip(curves, wanted, strict=True):
        works, best = curve.get_xydata().T
        assert max(best) < (1 if want == math.inf else 2)
        assert want == math.inf or abs(math.log(works[abs(best - 1).argmin()] / want)) < 0.1
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "time of the whole work in serial"
    assert ax.get_ylabel() == "best speedup\n(serial = 1)"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["thread never", "interpreter from 34 ms"] and labels[-1] == "spawn from 162 ms"


def test_breakeven_on_one_cpu():
    """With one usable CPU, or with one worker, there is a chart, and it says that nothing is ever gained."""
    for result, words in (
        (made_startup(usable_cpus=1), "two workers on one usable CPU beat"),
        (made_startup(usable_cpus=1, cpu_quota=0.5), "two workers on 0.5 usable CPUs"),
        (made_startup(workers=[1]), "one worker on two usable CPUs"),
        (made_startup({("threads", False): 0.1}), "two workers on two usable CPUs"),
    ):
        ax = axes(result, "breakeven")
        assert all(max(line.get_ydata()) < 1 for line in ax.lines if len(line.get_xdata()) > 2)
        assert all(text.get_text().endswith("never") for text in ax.get_legend().get_texts())
        assert sentence(result, "breakeven").startswith(f"At best, {words}")
        assert "from" not in sentence(result, "breakeven")


def test_breakeven_in_words():
    """From which work each kind pays: by the setup, the workers and CPUs, a quota, the GIL and the main file."""
    for made, told in (
        ({}, ["thread never", "fork from 10 ms", "spawn from 162 ms. With the GIL"]),
        ({"gil": False}, ["thread from 2.4 ms", "interpreter from 34 ms"]),
        ({"cpu_quota": 1.5}, ["on 1.5 usable CPUs beat", "spawn from 243 ms"]),
        ({"workers": [1, 4], "usable_cpus": 8}, ["At best, four workers", "eight usable", "spawn from 215 ms"]),
        ({"imports": {"asyncio": 20}}, ["(main file: import asyncio): thread", "spawn from 242 ms"]),
    ):
        words = sentence(made_startup(**made), "breakeven")
        assert all(each in words for each in told) and ("GIL" in words) == made.get("gil", True), words
